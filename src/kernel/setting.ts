import { existsSync, readdirSync } from 'node:fs';
import type { KernelOp } from '#model/kernel-op.ts';
import {
  addKernelObject,
  HOST_NAMESPACE,
  type MutableKernelTables,
  type Setting,
} from '#model/kernel-state.ts';
import { BRIDGE_CALLS, FORWARDING, FORWARDING_OF_DEVICES } from '#model/setting.ts';
import type { Outbox } from './outbox.ts';
import { readSysctls, writeSysctl } from './sysctl.ts';
import type { Visit } from './visit.ts';

/** Of a network's own namespace; what br_netfilter would do, where it is not loaded, is not done. */
export function readOverlaySettings(state: MutableKernelTables, visit: Visit): void {
  for (const name of Object.values(BRIDGE_CALLS))
    addKernelObject(state, { kind: 'setting', ns: visit.ns, name, value: '0' });
  readSettings(state, visit, [
    ...Object.values(FORWARDING),
    ...Object.values(BRIDGE_CALLS),
    FORWARDING_OF_DEVICES,
  ]);
}

/** Those that are there. */
export function readSettings(
  state: MutableKernelTables,
  { ns, netnsFd }: Visit,
  names: readonly string[],
): void {
  for (const [name, value] of readSysctls(netnsFd, names))
    addKernelObject(state, { kind: 'setting', ns, name, value });
}

/** `sysctl -qw net/ipv4/ip_forward=1`. Deleting is nothing. */
export function writeSetting(out: Outbox, verb: KernelOp['verb'], { ns, name, value }: Setting): void {
  if (verb === 'delete') return;
  out.flush();
  const { netnsFd } = out.visit(ns);
  if (ns === HOST_NAMESPACE && name === FORWARDING[6]) keepHeedingRouters(netnsFd);
  writeSysctl(netnsFd, name, value);
}

const CONF = 'net/ipv6/conf';
/** linux/ipv6.h: heed router advertisements unless forwarding, and even then. */
const [UNLESS_FORWARDING, ALWAYS] = ['1', '2'];

/** A host that forwards no longer heeds routers, and would lose its own default route when that runs out. */
function keepHeedingRouters(netnsFd: number | undefined): void {
  // Without IPv6 (`ipv6.disable=1`) there is nothing of it.
  if (!existsSync(`/proc/sys/${CONF}`)) return;
  const devices = readdirSync(`/proc/sys/${CONF}`).filter((dev) => dev !== 'all');
  const names = devices.map((dev) => `${CONF}/${dev}/accept_ra`);
  for (const [name, value] of readSysctls(netnsFd, names))
    if (value === UNLESS_FORWARDING) writeSysctl(netnsFd, name, ALWAYS);
}
