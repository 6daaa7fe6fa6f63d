/** What an index must know of its numbers: they stand for keys that are kept elsewhere. */
export interface NumberedKeys {
  hash(number: number): number;
  equal(a: number, b: number): boolean;
}

/**
 * Finds numbers above 0 by the keys that they stand for, at one to two words each: a hash table with open addressing.
 * What is looked for is a number, too: its owner keeps one whose key it can set.
 */
export class NumberIndex {
  private readonly keys: NumberedKeys;
  /** At its hash or the next free place after it; 0 is free. Never more than half full. */
  private places = new Uint32Array(16);
  private count = 0;
  /** Those in whose place another with the same key came; hardly any. */
  private readonly overtaken: number[] = [];

  constructor(keys: NumberedKeys) {
    this.keys = keys;
  }

  /** Makes room for so many, which then come more quickly. */
  reserve(count: number): void {
    while (count * 2 > this.places.length) this.grow();
  }

  /** The number with the same key as this one; 0 if there is none. */
  find(like: number): number {
    return this.places[this.placeOf(like)]!;
  }

  /** In the place of one with the same key, if there is one, which has it again when this one is deleted. */
  set(number: number): void {
    this.forgetOvertaken(number);
    const place = this.placeOf(number);
    const before = this.places[place]!;
    this.places[place] = number;
    if (before === 0) {
      if (++this.count * 2 > this.places.length) this.grow();
    } else if (before !== number) this.overtaken.push(before);
  }

  /** Not another one with the same key. */
  delete(number: number): void {
    const { overtaken, keys } = this;
    this.forgetOvertaken(number);
    const place = this.placeOf(number);
    if (this.places[place] !== number) return;
    this.count--;
    this.close(place);
    const heir = overtaken.findLastIndex((other) => keys.equal(other, number));
    if (heir >= 0) this.set(overtaken.splice(heir, 1)[0]!);
  }

  private forgetOvertaken(number: number): void {
    const at = this.overtaken.indexOf(number);
    if (at >= 0) this.overtaken.splice(at, 1);
  }

  private placeOf(number: number): number {
    const { places, keys } = this;
    const mask = places.length - 1;
    let place = keys.hash(number) & mask;
    for (; places[place] !== 0; place = (place + 1) & mask)
      if (places[place] === number || keys.equal(places[place]!, number)) break;
    return place;
  }

  /** Moves up what would not be found any more beyond a free place (Knuth, 6.4, algorithm R). */
  private close(gap: number): void {
    const { places, keys } = this;
    const mask = places.length - 1;
    let free = gap;
    places[free] = 0;
    for (let place = (free + 1) & mask; places[place] !== 0; place = (place + 1) & mask) {
      const home = keys.hash(places[place]!) & mask;
      if (((place - home) & mask) < ((place - free) & mask)) continue;
      places[free] = places[place]!;
      places[place] = 0;
      free = place;
    }
  }

  private grow(): void {
    const old = this.places;
    this.places = new Uint32Array(old.length * 2);
    for (const number of old) if (number !== 0) this.places[this.placeOf(number)] = number;
  }
}

/** A step of MurmurHash3: neighbouring addresses must not land next to each other. */
export function mixHash(hash: number, word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  const h = hash ^ Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** A hash whose low bits depend on all of it. */
export const finishHash = (hash: number): number => hash ^ (hash >>> 16);
