import { NAMESPACE_DIRECTORY } from '#netlink/named-namespace.ts';
import { median } from './figure.ts';
import { compileFloor, Floor } from './floor.ts';

/** A container that sends, and the one on another host that answers. */
export interface Path {
  readonly from: string;
  readonly to: string;
  readonly address: string;
}

export const MEASURES = ['tripsPerSecond', 'packetsPerSecond', 'Gbps'] as const;
/** Round trips of a byte, packets of 64 bytes, one TCP stream. */
export type Sample = Readonly<Record<(typeof MEASURES)[number], number>>;

/** Of each way one, next to each other. */
export type Blocks<Way extends string> = readonly Readonly<Record<Way, Sample>>[];

export const medianOf = <Way extends string>(blocks: Blocks<Way>, way: Way, measure: keyof Sample): number =>
  median(blocks.map((block) => block[way][measure]));

/** Of the ratios of neighbours. */
export const medianRatio = <Way extends string>(
  blocks: Blocks<Way>,
  [ours, theirs]: readonly [Way, Way],
  measure: keyof Sample,
): number => median(blocks.map((block) => block[ours][measure] / block[theirs][measure]));

const BLOCK_MS = 25;
const ROUNDS = 40;

/**
 * What containers can send each other by several ways, in short blocks in turns: on a machine whose pace changes from one
 * second to the next, all of them meet the same.
 */
export class Turns<Way extends string> {
  private readonly ways: readonly Way[];
  private readonly floor: Floor;

  private constructor(program: string, paths: Readonly<Record<Way, Path>>) {
    this.ways = Object.keys(paths) as Way[];
    const words = this.ways.flatMap((way) => {
      const { from, to, address } = paths[way];
      return [`${NAMESPACE_DIRECTORY}/${from}`, `${NAMESPACE_DIRECTORY}/${to}`, address];
    });
    this.floor = new Floor(program, [BLOCK_MS, ...words]);
  }

  static async open<Way extends string>(paths: Readonly<Record<Way, Path>>): Promise<Turns<Way>> {
    const turns = new Turns(await compileFloor('turns'), paths);
    await turns.floor.ask('');
    return turns;
  }

  async measure(): Promise<Blocks<Way>> {
    const blocks: Record<Way, Sample>[] = [];
    while (blocks.length < ROUNDS) blocks.push(this.sampleOf(await this.floor.ask('')));
    return blocks;
  }

  private sampleOf(values: readonly number[]): Record<Way, Sample> {
    const samples = this.ways.map((way, i): [Way, Sample] => {
      const [tripsPerSecond, packetsPerSecond, bits] = values.slice(i * MEASURES.length) as [
        number,
        number,
        number,
      ];
      return [way, { tripsPerSecond, packetsPerSecond, Gbps: bits / 1e9 }];
    });
    return Object.fromEntries(samples) as Record<Way, Sample>;
  }

  close(): Promise<void> {
    return this.floor.close();
  }
}
