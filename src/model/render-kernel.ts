import { cidrOf, ipOf, prefixLengthOf } from './cidr.ts';
import { commandLine } from './command-line.ts';
import { familyOf } from './ip.ts';
import { type KernelOp, singleOps } from './kernel-op.ts';
import type { Address, Fdb, KernelObject, Link, Namespace, Neighbour, Route } from './kernel-state.ts';
import { ZERO_MAC } from './mac.ts';
import { BRIDGE_NAME } from './own.ts';
import { renderFilter } from './render-filter.ts';
import { renderLinkAdd, renderLinkChange, renderLinkDelete } from './render-link.ts';

/**
 * The `ip`, `bridge` and `nft` lines that do what the op does, in order, as a person would type them in the host's own
 * namespace. None for an op that needs none, such as a change without a difference.
 */
export function renderOp(op: KernelOp): string[] {
  if (op.verb === 'add' && op.rows) return singleOps([op]).flatMap(renderOp);
  const { verb, object } = op;
  switch (object.kind) {
    case 'namespace':
      return renderNamespace(verb, object);
    case 'link':
      if (verb === 'delete') return renderLinkDelete(object);
      return verb === 'add' ? renderLinkAdd(object) : renderLinkChange(object, op.was as Link);
    case 'set':
    case 'element':
    case 'chain':
    case 'permit':
      return renderFilter(verb, object);
    case 'setting':
      return verb === 'delete'
        ? []
        : [commandLine('sysctl', object.ns, '-eqw', `${object.name}=${object.value}`)];
    case 'address':
      return [renderAddress(verb, object), ...renderSubnetRoute(op)];
    case 'route':
      return [renderRoute(verb, object)];
    case 'neighbour':
      return [renderNeighbour(verb, object)];
    case 'fdb':
      return [renderFdb(verb, object)];
  }
}

/** The lines that make the object. */
export const renderObject = (object: KernelObject): string[] => renderOp({ verb: 'add', object });

type Verb = KernelOp['verb'];

/** Changed is a hollow one: its name goes first. */
function renderNamespace(verb: Verb, { ns }: Namespace): string[] {
  const hows = { add: ['add'], change: ['del', 'add'], delete: ['del'] }[verb];
  return hows.map((how) => commandLine('ip', '', 'netns', how, ns));
}

function renderAddress(verb: Verb, { ns, dev, address, nodad }: Address): string {
  const how = { add: 'add', change: 'replace', delete: 'del' }[verb];
  const flags = nodad && verb !== 'delete' ? ['nodad'] : [];
  return commandLine('ip', ns, 'addr', how, address, 'dev', dev, ...flags);
}

/** As the kernel makes it with the address. */
function renderSubnetRoute(op: KernelOp): string[] {
  if (op.verb !== 'change' || !(op.was as Address).unrouted) return [];
  const { ns, dev, address } = op.object as Address;
  const ip = ipOf(address);
  const from = familyOf(ip) === 4 ? ['scope', 'link', 'src', ip] : ['metric', 256];
  const subnet = cidrOf(ip, prefixLengthOf(address));
  return [commandLine('ip', ns, 'route', 'append', subnet, 'dev', dev, 'proto', 'kernel', ...from)];
}

function renderRoute(verb: Verb, { ns, destination, via, dev, protocol, metric }: Route): string {
  const way = [
    ...(via ? ['via', via] : []),
    ...['dev', dev],
    ...(protocol ? ['proto', protocol] : []),
    ...(metric === undefined ? [] : ['metric', metric]),
  ];
  return commandLine('ip', ns, 'route', verb === 'delete' ? 'del' : 'replace', destination, ...way);
}

function renderNeighbour(verb: Verb, { ns, dev, ip, mac, state }: Neighbour): string {
  if (verb === 'delete') return commandLine('ip', ns, 'neigh', 'del', ip, 'dev', dev);
  const nud = state === 'other' ? [] : ['nud', state];
  return commandLine('ip', ns, 'neigh', 'replace', ip, 'lladdr', mac, 'dev', dev, ...nud);
}

/** The words of bridge(8) for the state of a row; a VXLAN device's row is permanent unless said otherwise. */
const FDB_STATES = { permanent: 'permanent', static: 'static', learned: 'dynamic', other: '' } as const;

function renderFdb(verb: Verb, { ns, dev, table, mac, dst, state }: Fdb): string {
  // One all-zero row per VTEP, so append; any other MAC lives in one place, so replace.
  const how = verb === 'delete' ? 'del' : mac === ZERO_MAC ? 'append' : 'replace';
  // The bridge is no port of itself: its own rows are written through it.
  const words = [
    ...(dst ? ['dst', dst] : []),
    ...(table === 'master' && dev !== BRIDGE_NAME ? ['master'] : []),
  ];
  if (verb !== 'delete' && (table === 'master' || state !== 'permanent')) words.push(FDB_STATES[state]);
  return commandLine('bridge', ns, 'fdb', how, mac, 'dev', dev, ...words);
}
