import { type Fault, formatFault, type Rejection } from '#model/fault.ts';

/** What a plugin call is refused with. Docker shows the text to its user as it is: it says what to do. */
export class PluginError extends Error {
  override readonly name = 'PluginError';
}

export const refuse = (...faults: readonly Fault[]): PluginError =>
  new PluginError(faults.map(formatFault).join('\n'));

/**
 * Admission speaks of `weft`'s own flags; whoever sits at Docker's command line has others. Nor has he ever seen the `id` by
 * which a network was asked for.
 */
export const refuseAsDocker = (
  { faults }: Rejection,
  network?: { readonly id: string; readonly name: string },
): PluginError =>
  refuse(
    ...faults.map(({ field, value, fix, ...rest }) => ({
      ...rest,
      field: DOCKER_WORDS[field] ?? field,
      value: value === network?.id ? network.name : value,
      fix: fix.replace(/--([a-z-]+)/g, (flag, word) => DOCKER_WORDS[word] ?? flag),
    })),
  );

const DOCKER_WORDS: Readonly<Record<string, string>> = {
  name: '-o weft.name',
  subnet: '--subnet',
  gateway: '--gateway',
  ip: '--ip',
  mac: '--mac-address',
  mode: '-o weft.mode',
  vni: '-o weft.vni',
  port: '-o weft.port',
  mtu: '-o weft.mtu',
  ttl: '-o weft.ttl',
  group: '-o weft.group',
  underlay: '-o weft.underlay',
  'allow-overlap': '-o weft.allow-overlap=true',
};
