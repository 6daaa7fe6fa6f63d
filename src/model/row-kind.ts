import type { Ip } from './ip.ts';
import type { Fdb, NamespaceName, Neighbour } from './kernel-state.ts';
import type { Mac } from './mac.ts';
import { ipFromWords, macFromWords } from './words.ts';

/** A row's table: which device's, and for an FDB whether the device's own or its bridge's. */
export interface RowDevice {
  readonly ns: NamespaceName;
  readonly dev: string;
  readonly table?: Fdb['table'];
}

/** What FDB rows and neighbours differ in. */
export interface RowKind<R> {
  readonly states: readonly string[];
  /** Whether the MAC identifies a row on its device; else the IP does. */
  readonly hasMacInKey: boolean;
  read(device: RowDevice, mac: Mac, ip: Ip | undefined, state: string): R;
  /** A `kernelKey`. */
  parseKey(key: string): { device: RowDevice; mac?: Mac; ip?: Ip };
}

/*
 * A row is seven words: its device (bits 16 to 31), how its IP stands (8 to 15) and its state (0 to 7); the IP; the MAC.
 */
export const ROW_WORDS = 7;
export const ROW_IP = 1;
export const ROW_MAC = 5;

export const rowHead = (device: number, ipForm: number, state: number): number =>
  (device << 16) | (ipForm << 8) | state;
export const deviceOfHead = (head: number): number => head >>> 16;
export const ipFormOfHead = (head: number): number => (head >>> 8) & 255;
/** Its number among those of its kind. */
export const stateOfHead = (head: number): number => head & 255;

export function readRow<R>(kind: RowKind<R>, device: RowDevice, words: Uint32Array, at: number): R {
  const head = words[at]!;
  const mac = macFromWords(words, at + ROW_MAC);
  const ip = ipFromWords(ipFormOfHead(head), words, at + ROW_IP);
  return kind.read(device, mac, ip, kind.states[stateOfHead(head)]!);
}

export const FDB_STATES = ['permanent', 'static', 'learned', 'other'] as const satisfies Fdb['state'][];
export const NEIGHBOUR_STATES = [
  'permanent',
  'noarp',
  'reachable',
  'stale',
  'other',
] as const satisfies Neighbour['state'][];

export const FDB_ROWS: RowKind<Fdb> = {
  states: FDB_STATES,
  hasMacInKey: true,
  read: ({ ns, dev, table }, mac, dst, state) => ({ kind: 'fdb', ns, dev, table, mac, dst, state }) as Fdb,
  parseKey(key) {
    const [ns, dev, table, mac, ip] = key.split(' ');
    // The key of a row without a destination says so in this word.
    const dst = ip === 'undefined' ? undefined : (ip as Ip);
    return { device: { ns, dev, table } as RowDevice, mac: mac as Mac, ip: dst };
  },
};

export const NEIGHBOUR_ROWS: RowKind<Neighbour> = {
  states: NEIGHBOUR_STATES,
  hasMacInKey: false,
  read: ({ ns, dev }, mac, ip, state) => ({ kind: 'neighbour', ns, dev, ip, mac, state }) as Neighbour,
  parseKey(key) {
    const [ns, dev, ip] = key.split(' ');
    return { device: { ns, dev } as RowDevice, ip: ip as Ip };
  },
};
