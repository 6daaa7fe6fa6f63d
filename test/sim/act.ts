import type { Principal } from '#api/principal.ts';
import { formatMapping } from '#intent/publications.ts';
import type { Wish } from '#model/wish.ts';
import type { Action } from './action.ts';
import type { ControllerProcess } from './controller-process.ts';
import type { Engines } from './engines.ts';
import type { Machine } from './machine.ts';
import * as questions from './questions.ts';
import type { Users } from './users.ts';
import { vandalise } from './vandal.ts';
import type { World } from './world.ts';

const OPERATOR: Principal = { role: 'operator', name: 'sim' };

/** Small ones, so that addresses run out and come back; one with both families. */
const SUBNETS = [['10.1.0.0/26'], ['10.2.0.0/28', 'fd00:2::/64'], ['10.3.0.0/24']];

/** Does what a scenario says. What makes no sense by now is left out. */
export async function act(world: World, users: Users, engines: Engines, action: Action): Promise<void> {
  const { machines, controller, rival, store, timeline, count } = world;
  const machine = 'host' in action && action.host !== undefined ? machines[action.host]! : undefined;
  world.note('*', () => JSON.stringify(action));
  count(action.do);
  const ask = (wish: Wish, byRival: boolean) => operate(byRival ? rival : controller, wish);
  switch (action.do) {
    case 'attach':
      return users.attach(slotOf(users, machine!, action), fixedAddress(action));
    case 'detach':
      return users.detach(slotOf(users, machine!, action), action.by);
    case 'end container': {
      const end = () => users.endContainer(machine!, pathOf(action.container));
      if (action.amid) machine!.amid = end;
      else end();
      return;
    }
    case 'start through door':
      return engines.start(machine!, `n${action.network}`, {
        address: fixedAddress(action)[0],
        mac: fixedMac(action),
      });
    case 'start again':
      machine!.wire.cut(action.forMs);
      return engines.startAgain(machine!, action.choice);
    case 'stop through door':
      return engines.stop(machine!, action.choice);
    case 'create network': {
      const { mode, network, rival: byRival, manner } = action;
      const subnets = SUBNETS[network]!;
      const name = `n${network}`;
      const words = { name, subnets, gateways: [], mode, allowOverlap: false, ...manner };
      return ask({ wish: 'create-network', ...words }, byRival);
    }
    case 'change network': {
      const { network, mode, port, mtu, portSecurity, force } = action;
      const words = { network: `n${network}`, mode, port, mtu, portSecurity, force };
      return ask({ wish: 'change-network', ...words }, false);
    }
    case 'publish port':
      return publishPort(world, action);
    case 'unpublish port': {
      const published = [...store.head.publications.values()];
      const one = published[action.choice % published.length];
      const mapping = one && action.choice < 50 ? formatMapping(one) : undefined;
      return one && ask({ wish: 'unpublish-port', endpoint: one.endpoint, mapping: mapping ?? '' }, false);
    }
    case 'expose network': {
      const words = { network: `n${action.network}`, host: machine!.name, addresses: fixedAddress(action) };
      return ask({ wish: 'expose-network', ...words, allowOverlap: false }, false);
    }
    case 'hide network':
      return ask({ wish: 'hide-network', network: `n${action.network}`, host: machine!.name }, false);
    case 'adopt bridge': {
      const { bridge, network, mode } = action;
      return ask({ wish: 'adopt-bridge', host: machine!.name, bridge, network: `n${network}`, mode }, false);
    }
    case 'disown bridge':
      return ask({ wish: 'disown-bridge', host: machine!.name, bridge: action.bridge }, false);
    case 'remake bridge':
      return world.bridges.remake(machine!, action.bridge);
    case 'station comes':
      return world.bridges.come(machine!, action.bridge, action.station);
    case 'station goes':
      return world.bridges.go(action.station);
    case 'ask':
      return questions.ask(world, machine!, `n${action.network}`, action.choice, action.by);
    case 'add peer': {
      const { network, peer, mac } = action;
      const endpoints = mac ? [{ mac: `02:99:00:00:00:0${peer}`, addresses: [] }] : [];
      const vtep = `198.51.100.${peer + 1}`;
      return ask({ wish: 'add-peer', network: `n${network}`, name: `p${peer}`, vtep, endpoints }, false);
    }
    case 'remove peer':
      return ask({ wish: 'remove-peer', network: `n${action.network}`, peer: `p${action.peer}` }, false);
    case 'remove network':
      return ask({ wish: 'remove-network', network: `n${action.network}` }, action.rival);
    case 'kill agent':
      return machine!.agent?.fuse.light(action);
    case 'kill controller':
      return controller.fuse.light(action);
    case 'cut':
      return machine!.wire.cut(action.forMs);
    case 'stall':
      return machine!.wire.stall(action.forMs);
    case 'slow':
      machine!.wire.slowMs = action.byMs;
      return timeline.after(action.forMs, () => {
        machine!.wire.slowMs = 0;
      });
    case 'lose connections':
      return machine!.wire.loseConnections();
    case 'reboot':
      users.reboot(machine!);
      return engines.reboot(machine!);
    case 'set clock':
      return (machine?.clock ?? controller.clock).jump(action.byMs);
    case 'move VTEP':
      machine!.underlay = `192.0.2.${10 + action.host + 40 * action.to}`;
      return machine!.wire.breakOff();
    case 'fill journal':
      machine!.disk.fullUntilMs = Math.max(machine!.disk.fullUntilMs, timeline.nowMs + action.forMs);
      return;
    case 'fill store':
      store.fullUntilMs = Math.max(store.fullUntilMs, timeline.nowMs + action.forMs);
      return;
    case 'compact':
      controller.isTooOld = true;
      return controller.feed();
    case 'restore store':
      return restoreStore(world, action.most);
    case 'refuse ops':
      machine!.refusals = { kind: action.kind, errno: action.errno, times: action.times };
      return;
    case 'interrupt looks':
      machine!.badLooks += action.times;
      return;
    case 'vandalise':
      return vandalise(world, action.host, action.how, action.choice);
    case 'delete late':
      return deleteLate(world, action.choice);
    case 'evict host':
      return ask({ wish: 'evict-host', host: machine!.name }, action.rival);
  }
}

/** All faults end; what is down comes back by itself. */
export function calm({ controller, rival, machines, store }: World): void {
  for (const { fuse } of [controller, rival]) fuse.putOut();
  store.fullUntilMs = 0;
  for (const machine of machines) {
    machine.agent?.fuse.putOut();
    machine.wire.heal();
    machine.disk.fullUntilMs = 0;
    machine.refusals = undefined;
    machine.amid = undefined;
    machine.badLooks = 0;
    machine.kernel.idle = () => false;
  }
}

/** While nobody has it open. How far hosts had come in what is no more says nothing. */
async function restoreStore(
  { controller, rival, store, machines, phases, count }: World,
  most: number,
): Promise<void> {
  for (const process of [controller, rival]) process.crash();
  if (!(await store.restore(most))) return;
  count('store restored');
  phases.forget();
  for (const machine of machines) machine.applied = 0;
}

/** Any endpoint's, as often as not at one address of its host alone. */
function publishPort(
  { store, controller, rival }: World,
  { choice, port, isNarrow, rival: byRival }: Extract<Action, { do: 'publish port' }>,
): void {
  const endpoints = [...store.head.endpoints.values()];
  const endpoint = endpoints[choice % endpoints.length];
  if (!endpoint) return;
  const [address] = store.head.hosts.get(endpoint.host)?.underlay ?? [];
  const mapping = `${isNarrow ? `${address}:` : ''}${port}:80/tcp`;
  operate(byRival ? rival : controller, { wish: 'publish-port', endpoint: endpoint.id, mapping });
}

/** A detach of an endpoint as it was before it was made anew, under way all the while, arrives. */
function deleteLate({ store, controller, count }: World, choice: number): void {
  const renewed = [...store.head.endpoints.values()].filter(({ generation }) => generation > 1);
  const endpoint = renewed[choice % renewed.length];
  if (!endpoint) return;
  count('late delete');
  const { id, generation } = endpoint;
  operate(controller, { wish: 'detach-endpoint', endpoint: id, generation: generation - 1 });
}

function operate(to: ControllerProcess, wish: Wish): void {
  if (to.state) void to.ask(OPERATOR, to.cores.carryWish(wish));
}

const pathOf = (container: number): string => `/run/netns/c${container}`;

const slotOf = (
  users: Users,
  machine: Machine,
  at: { readonly container: number; readonly network: number },
) => users.slot(machine, pathOf(at.container), `n${at.network}`);

const fixedAddress = ({
  network,
  address,
}: {
  readonly network: number;
  readonly address?: number;
}): string[] => (address === undefined ? [] : [`10.${network + 1}.0.${address}`]);

const fixedMac = ({ mac }: { readonly mac?: number }): string | undefined =>
  mac === undefined ? undefined : `02:77:00:00:00:0${mac}`;
