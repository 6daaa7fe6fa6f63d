import { type Fault, fault, take } from '#model/fault.ts';
import { type Parsed, parsed, unparsed } from '#model/parsed.ts';
import { GATEWAY_USES } from '#model/records.ts';
import { TUNNEL_MODES } from '#model/tunnel-mode.ts';
import { parseVni } from '#model/vni.ts';
import type { CreateNetwork } from '#model/wish.ts';

/** Given to both drivers it joins a network and its pools: an id (Weft's own copies) or a name. */
export const NETWORK_OPTION = 'weft.network';
const NAME_OPTION = 'weft.name';

/** What `docker network create -o …` asks for, as far as it was given. */
export interface AskedOptions {
  /** Of {@link NETWORK_OPTION}. */
  readonly network?: string;
  readonly name?: string;
  readonly words: NetworkWords;
}

/** Words that Docker's options have for a network. */
export type NetworkWords = Pick<
  CreateNetwork,
  'mode' | 'vni' | 'port' | 'mtu' | 'ttl' | 'group' | 'underlay' | 'gateway'
> & { readonly allowOverlap?: boolean };

const TEXT = (text: string): Parsed<string> =>
  text === '' ? unparsed('is empty', 'give a value, or leave the option out') : parsed(text);
const WHOLE_NUMBER = (text: string): Parsed<number> =>
  /^\d{1,9}$/.test(text)
    ? parsed(Number(text))
    : unparsed('is not a whole number', 'give one, or leave the option out');
const VNI = (text: string): Parsed<number> => {
  const number = WHOLE_NUMBER(text);
  return number.ok ? parseVni(number.value) : number;
};
const oneOf =
  (words: readonly string[]) =>
  (text: string): Parsed<string> =>
    words.includes(text) ? parsed(text) : unparsed('is not known', `use one of ${words.join(', ')}`);
const SWITCH = (text: string): Parsed<boolean> =>
  text === 'true' || text === 'false'
    ? parsed(text === 'true')
    : unparsed('is not known', 'use true or false');

/** An option and the word that it gives; Docker's own names for the same thing among them. */
const OPTIONS: Readonly<Record<string, { word: string; parse: (text: string) => Parsed<unknown> }>> = {
  [NETWORK_OPTION]: { word: 'network', parse: TEXT },
  [NAME_OPTION]: { word: 'name', parse: TEXT },
  'weft.mode': { word: 'mode', parse: oneOf(TUNNEL_MODES) },
  'weft.vni': { word: 'vni', parse: VNI },
  'weft.port': { word: 'port', parse: WHOLE_NUMBER },
  'weft.mtu': { word: 'mtu', parse: WHOLE_NUMBER },
  'weft.ttl': { word: 'ttl', parse: WHOLE_NUMBER },
  'weft.group': { word: 'group', parse: TEXT },
  'weft.underlay': { word: 'underlay', parse: TEXT },
  'weft.gateway': { word: 'gateway', parse: oneOf(GATEWAY_USES) },
  'weft.allow-overlap': { word: 'allowOverlap', parse: SWITCH },
  'com.docker.network.driver.mtu': { word: 'mtu', parse: WHOLE_NUMBER },
  'com.docker.network.driver.overlay.vxlanid_list': { word: 'vni', parse: VNI },
};

const KNOWN = Object.keys(OPTIONS).filter((key) => key.startsWith('weft.'));

/** Why Docker's own drivers know an option and Weft does not take it. */
const REFUSED: Readonly<Record<string, [problem: string, fix: string]>> = {
  encrypted: [
    'is not known: Weft does not encrypt its tunnels',
    'leave it out, and put the hosts on an encrypted underlay if it must be',
  ],
};

/** Reads every option that Docker passed on; each fault is added, by the option's name. */
export function readNetworkOptions(
  faults: Fault[],
  options: Readonly<Record<string, unknown>>,
): AskedOptions {
  const words: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    const option = Object.hasOwn(OPTIONS, key) ? OPTIONS[key]! : undefined;
    if (!option) {
      faults.push(fault(`-o ${key}`, value, ...(REFUSED[key] ?? unknownOption(key))));
      continue;
    }
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const taken = take(faults, `-o ${key}`, value, option.parse(text));
    if (taken === undefined) continue;
    const before = words[option.word];
    if (before !== undefined && before !== taken)
      faults.push(fault(`-o ${key}`, value, `is ${before} by another option`, 'give one of the two'));
    words[option.word] = taken;
  }
  const { network, name, ...rest } = words;
  return { network: network as string | undefined, name: name as string | undefined, words: rest };
}

const unknownOption = (key: string): [problem: string, fix: string] => [
  'is not an option of Weft',
  key === 'parent' || key.startsWith('com.docker.network.bridge.')
    ? `it is of another driver; leave it out (Weft's are ${KNOWN.join(', ')})`
    : `use one of ${KNOWN.join(', ')}, or leave it out`,
];
