import { execFileSync } from 'node:child_process';
import type { Mac } from '#model/mac.ts';
import { linkLocalOf } from '#plan/link-local.ts';
import type { EndpointJson, NetworkJson } from './api.ts';
import { kernelJson } from './namespaces.ts';

/** What people type by hand for a mode on one host (the classic ways to build a VXLAN), and what stands then. */

export interface Place {
  readonly network: NetworkJson & { readonly mode: string; readonly group?: string };
  readonly local: string;
  /** Where the other hosts' tunnels end. */
  readonly remotes: readonly string[];
  /** What is behind them. */
  readonly behind: readonly (EndpointJson & { readonly vtep: string })[];
}

export function recipe({ network, local, remotes, behind }: Place): string[] {
  const { mode, vni, group } = network;
  const device = `ip link add vxlan0 type vxlan id ${vni} dstport 4789 local ${local} ttl 64`;
  const everyVtep = remotes.map((vtep) => `bridge fdb append 00:00:00:00:00:00 dev vxlan0 dst ${vtep}`);
  const everyMac = behind.map(({ mac, vtep }) => `bridge fdb append ${mac} dev vxlan0 dst ${vtep}`);
  const everyNeighbour = behind.flatMap(({ mac, addresses }) =>
    [...addresses, linkLocalOf(mac as Mac)].map(
      (ip) => `ip neigh add ${ip} lladdr ${mac} dev vxlan0 nud permanent`,
    ),
  );
  const up = 'ip link set vxlan0 up';
  switch (mode) {
    case 'p2p':
      return [`${device} remote ${remotes[0]} dev eth0`, up];
    case 'multicast':
      return [`${device} group ${group} dev eth0`, up];
    case 'flood':
      return [device, up, ...everyVtep];
    case 'static':
      return [`${device} nolearning`, up, ...everyVtep, ...everyMac];
    case 'proxy':
      return [`${device} nolearning proxy`, up, ...everyVtep, ...everyMac, ...everyNeighbour];
    // The rest is typed as `ip monitor` shows what is missed.
    case 'on-demand':
      return [`${device} nolearning proxy l2miss l3miss`, up];
    default:
      throw new Error(`no recipe for ${mode}`);
  }
}

export const runIn = (ns: string, lines: readonly string[]): void => {
  execFileSync('ip', ['netns', 'exec', ns, 'sh', '-exc', lines.join('\n')], { stdio: 'pipe' });
};

// biome-ignore lint/suspicious/noExplicitAny: JSON of bridge(8) and ip(8)
type Json = any;

/** The tables of `vxlan0`, without what was learned and what names the place where it was typed. */
export function tablesOf(ns: string): { rows: string[]; neighbours: string[]; device: object } {
  const rows = kernelJson<Json>('bridge', ns, 'fdb', 'show', 'dev', 'vxlan0')
    .filter(({ flags, state, master }) => flags?.includes('self') && state === 'permanent' && !master)
    .map(({ mac, dst }) => `${mac} ${dst}`);
  const neighbours = kernelJson<Json>('ip', ns, 'neigh', 'show', 'dev', 'vxlan0')
    .filter(({ state }) => state.includes('PERMANENT'))
    .map(({ dst, lladdr }) => `${dst} ${lladdr}`);
  const [link] = kernelJson<Json>('ip', ns, 'link', 'show', 'vxlan0');
  const { id, port, local, local6, group, group6, ttl, learning, proxy, l2miss, l3miss, ageing } =
    link.linkinfo.info_data;
  const device = { id, port, local, local6, group, group6, ttl, learning, proxy, l2miss, l3miss, ageing };
  return { rows: rows.sort(), neighbours: neighbours.sort(), device };
}
