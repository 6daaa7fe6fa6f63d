/** Where a process is to be killed: before or after one of its effects. */
export class Fuse {
  #effectsLeft: number | undefined;
  #where: 'before' | 'after' = 'before';

  light(effects: number, where: 'before' | 'after'): void {
    this.#effectsLeft = effects;
    this.#where = where;
  }

  putOut(): void {
    this.#effectsLeft = undefined;
  }

  /** To be asked at each effect: where to be killed, if here. */
  burn(): 'before' | 'after' | undefined {
    if (this.#effectsLeft === undefined || this.#effectsLeft-- > 0) return undefined;
    this.#effectsLeft = undefined;
    return this.#where;
  }
}
