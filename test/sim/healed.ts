import type { Attachment } from '#agent/attachment.ts';
import type { Id } from '#model/id.ts';
import { emptyKernelState, type Fdb, HOST_NAMESPACE, type Neighbour } from '#model/kernel-state.ts';
import { HOST_NAMESPACE_REF, type NamespaceRef } from '#model/namespace-ref.ts';
import { hostEndName, overlayNamespace } from '#model/own.ts';
import type { Endpoint } from '#model/records.ts';
import { renderOp } from '#model/render-kernel.ts';
import { allowedFor } from '#plan/asked-rows.ts';
import { desired } from '#plan/desired.ts';
import { diff } from '#plan/diff.ts';
import { hostView } from '#plan/host-view.ts';
import { BRIDGES } from './bridges.ts';
import type { Engines } from './engines.ts';
import { textOf } from './ledger.ts';
import type { Machine } from './machine.ts';
import { checkStrangers } from './strangers.ts';
import type { Slot, Users } from './users.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** Some time after the last fault: all is as it should be, and nothing is left over. */
export async function checkHealed(world: World, users: Users, engines: Engines): Promise<void> {
  for (const slot of users.slots.values())
    if (slot.pending > 0)
      throw new Violation('every request is answered', `${slot.machine.name} ${slot.path} ${slot.network}`);
  for (const { name, change } of world.store.head.networks.values())
    if (change) throw new Violation('every change ends', `${name} is in phase ${change.phase}`);
  for (const machine of world.machines) {
    checkPromises(world, machine);
    checkNothingLeft(world, users, engines, machine);
    checkExposed(world, machine);
    await checkKernel(world, machine);
    await checkStrangers(machine);
    await world.bridges.check(world, machine);
    machine.resolver?.check(world, machine);
  }
  await engines.checkHealed();
}

const attachmentsOf = ({ disk }: Machine): Attachment[] =>
  [...disk.readJournal().values()].filter((entry) => entry.entry === 'attachment');

function checkPromises({ ledger, store }: World, machine: Machine): void {
  const journaled = new Map(attachmentsOf(machine).map((entry) => [entry.endpoint.id, entry]));
  for (const { endpoint } of ledger.standingOn(machine)) {
    const record = store.head.endpoints.get(endpoint.id);
    const entry = journaled.get(endpoint.id);
    // What an engine tells later raises it.
    const generation = entry?.handle ? entry.endpoint.generation : endpoint.generation;
    if (record?.generation !== generation || generation < endpoint.generation)
      throw new Violation('an answered attachment is kept', `no record of ${textOf(endpoint)}`);
    if (entry?.state !== 'attached')
      throw new Violation('an answered attachment is kept', `${textOf(endpoint)} is not in the journal`);
  }
}

/** The host is in a network when it is exposed there, with the addresses that were asked for, or says why not. */
function checkExposed({ store }: World, { agent, id: host }: Machine): void {
  const own = [...store.head.endpoints.on(host)].filter(({ runtime }) => runtime === 'host');
  const exposures = [...store.head.exposures.values()].filter((each) => each.host === host);
  for (const { id, network, addresses } of exposures) {
    const endpoint = own.find((each) => each.network === network);
    if (
      endpoint ? !addresses.every((ip) => endpoint.addresses.includes(ip)) : !agent?.state.unexposed.has(id)
    )
      throw new Violation('a host is where it is exposed', `${network} ${addresses}: ${endpoint?.addresses}`);
  }
  for (const endpoint of own)
    if (!exposures.some(({ network }) => network === endpoint.network))
      throw new Violation('a host is where it is exposed', `${textOf(endpoint)} is hidden`);
}

/** What a record or journal entry is there for: a promise, or a container whose users never said what they want. */
function checkNothingLeft({ store, ledger }: World, users: Users, engines: Engines, machine: Machine): void {
  const journaled = new Map(attachmentsOf(machine).map((entry) => [entry.endpoint.id, entry]));
  const mayRemain = ({ id, runtime, network, containerId }: Endpoint) =>
    runtime === 'host' ||
    ledger.get(id) !== undefined ||
    engines.isOpen(journaled.get(id)?.handle) ||
    isOpen(slotOf(store.head.networks.get(network)?.name, containerId));
  const slotOf = (network: string | undefined, containerId: string) =>
    users.slots.get(`${machine.name} /run/netns/${containerId} ${network}`);
  for (const entry of attachmentsOf(machine)) {
    const { endpoint } = entry;
    if (!store.head.endpoints.has(endpoint.id) || entry.state === 'detaching' || !mayRemain(endpoint))
      throw new Violation('no journal entry is left', `${entry.state} ${textOf(endpoint)}`);
  }
  for (const endpoint of store.head.endpoints.values()) {
    if (endpoint.host !== machine.id) continue;
    if (!journaled.has(endpoint.id)) throw new Violation('no record without a journal', textOf(endpoint));
    if (!mayRemain(endpoint)) throw new Violation('no address is left', textOf(endpoint));
  }
}

/** Its users do not know, or never took back what they were promised: the record is shown to people until they do. */
const isOpen = (slot: Slot | undefined): boolean =>
  slot === undefined || slot.last === 'unknown' || slot.last === 'attached';

async function checkKernel({ store }: World, machine: Machine): Promise<void> {
  const containers = new Map<Id, { namespace?: NamespaceRef }>();
  const shared = new Set<string>();
  for (const { endpoint, namespace, bootId } of attachmentsOf(machine)) {
    const isThere =
      namespace &&
      (namespace.path === HOST_NAMESPACE ||
        machine.containers.get(namespace.path)?.cookie === namespace.cookie);
    const isCurrent = store.head.endpoints.get(endpoint.id)?.generation === endpoint.generation;
    if (bootId !== machine.bootId || !isCurrent) continue;
    if (!namespace || machine.kernel.hasLink({ ns: '', name: hostEndName(endpoint.id) }))
      containers.set(endpoint.id, {});
    else if (isThere) containers.set(endpoint.id, { namespace });
    if (namespace && endpoint.runtime === 'docker') shared.add(`${namespace.path} ${endpoint.interface}`);
  }
  const view = hostView(store.head, machine.id);
  const scopes = [...machine.containers.values()].map((namespace) => ({ namespace, interfaces: INTERFACES }));
  const own = [...containers].flatMap(([id]) => store.head.endpoints.get(id) ?? []);
  const interfaces = own.filter(({ runtime }) => runtime === 'host').map((each) => each.interface);
  scopes.push({ namespace: HOST_NAMESPACE_REF, interfaces });
  const scope = { hostTag: machine.tag, containers: scopes, bridges: BRIDGES };
  const seen = await machine.kernel.observe(scope);
  const facts = { hostTag: machine.tag, containers, bridges: seen.bridges, drops: seen.drops };
  const wished = view ? desired(view, facts) : emptyKernelState();
  const allowed = (row: Fdb | Neighbour) => {
    const network = view?.networks.find(
      ({ network: { vni } }) => overlayNamespace(machine.tag, vni) === row.ns,
    );
    const here = view && { host: view.host, hostTag: machine.tag };
    return here && network && allowedFor({ here, snapshot: store.head, network: network.network }, row);
  };
  const ops = diff(wished, seen, { hostTag: machine.tag, allowed, shared });
  if (ops.length > 0)
    throw new Violation(
      'the kernel is as wished',
      `${machine.name} needs ${ops.flatMap((op) => renderOp(op)).join(' | ')}`,
    );
}

const INTERFACES = ['eth0', 'eth1', 'eth2'];
