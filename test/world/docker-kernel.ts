import type { DockerWorld } from './docker-world.ts';

interface FdbJson {
  readonly mac: string;
  readonly dst?: string;
}

/** `ip … ` or `bridge …` in the namespace that a network has on that host; JSON. */
export async function overlayJson<T>(
  world: DockerWorld,
  host: string,
  network: string,
  program: 'ip' | 'bridge',
  ...words: readonly string[]
): Promise<T[]> {
  const namespace = await overlayOf(world, host, network);
  const text = await world.engine(host).machine.exec(program, '-n', namespace, '-d', '-j', ...words);
  return JSON.parse(text || '[]');
}

/** Throws when the host does not take part in it. */
export async function overlayOf(world: DockerWorld, host: string, network: string): Promise<string> {
  const { networks } = await world.records();
  const { vni } = networks.find(({ name }) => name === network)!;
  const found = (await overlaysOf(world, host)).find((name) => name.endsWith(`-${vni.toString(16)}`));
  if (!found) throw new Error(`${host} has no namespace of ${network}`);
  return found;
}

export const overlaysOf = async (world: DockerWorld, host: string): Promise<string[]> =>
  (await world.engine(host).machine.exec('ls', '/run/netns'))
    .split('\n')
    .filter((name) => name.startsWith('weft-'));

/** Where that host sends frames for a MAC: VTEPs, as its VXLAN device has them. */
export async function vtepsOf(
  world: DockerWorld,
  host: string,
  network: string,
  mac: string,
): Promise<string[]> {
  const rows = await overlayJson<FdbJson>(world, host, network, 'bridge', 'fdb', 'show', 'dev', 'vxlan0');
  return rows.flatMap((row) => (row.mac === mac && row.dst ? [row.dst] : []));
}

/** A container's in a network. */
export async function interfaceOf(
  world: DockerWorld,
  host: string,
  container: string,
  network: string,
): Promise<{ readonly mac: string; readonly ip: string; readonly ip6: string }> {
  const at = `.NetworkSettings.Networks.${network}`;
  const format = `{{json ${at}}}`;
  const { MacAddress, IPAddress, GlobalIPv6Address } = JSON.parse(
    await world.engine(host).docker('inspect', '-f', format, container),
  );
  return { mac: MacAddress, ip: IPAddress, ip6: GlobalIPv6Address };
}
