import type { DoorHandle } from '#agent/event.ts';
import { cidrContains } from '#model/cidr.ts';
import { isRejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Address } from '#model/kernel-state.ts';
import { hostEndName, overlayNamespace, portName } from '#model/own.ts';
import type { Endpoint, Network } from '#model/records.ts';
import type { Outcome } from './agent-process.ts';
import { checkDurable } from './durable.ts';
import type { Machine } from './machine.ts';
import type { Random } from './random.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** agent/hold.ts */
const HOLD_MS = 30_000;

/** What its user chose. `before`: the endpoint of a container that is started again. */
interface Fixed {
  readonly address?: string;
  readonly mac?: string;
  readonly before?: Id;
}

/** One start of a container by an engine whose plugin asks the agent: what that is to end as, and how far it has come. */
interface Run {
  readonly machine: Machine;
  readonly bootId: string;
  readonly network: string;
  readonly door: DoorHandle;
  readonly path: string;
  readonly fixed: Fixed;
  wants: 'running' | 'stopped';
  /** Stopped to be started again. */
  isToComeBack: boolean;
  /** An attach that has not been answered: a detach of the same comes after. */
  pending: boolean;
  endpoint?: Endpoint;
  /** Whether the address that it was told to use is still set aside for it. */
  isHeld: () => boolean;
  /** The engine has forgotten it. */
  isOver: boolean;
}

/** Container engines: they ask for an address, then for an endpoint, move its interface themselves, and say who it is later. */
export class Engines {
  readonly #runs = new Map<string, Run>();
  readonly #world: World;
  readonly #random: Random;
  #started = 0;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** Whether an engine still knows the endpoint of that handle. */
  isOpen(handle: string | undefined): boolean {
    const run = handle === undefined ? undefined : this.#runs.get(handle);
    return run !== undefined && !run.isOver;
  }

  start(machine: Machine, network: string, fixed: Fixed = {}): void {
    const door = { runtime: 'docker', handle: `e${++this.#started}` } as const;
    const path = `/var/run/docker/netns/${door.handle}`;
    const { bootId } = machine;
    const run: Run = {
      ...{ machine, bootId, network, door, path, fixed },
      ...{ wants: 'running', isToComeBack: false, pending: false, isOver: false, isHeld: () => false },
    };
    this.#runs.set(door.handle, run);
    this.#hold(run, fixed.address as Ip | undefined);
  }

  /** Stopped, and started again as soon as that is answered, with what it had. */
  startAgain(machine: Machine, choice: number): void {
    const attached = this.#running(machine).filter(({ endpoint }) => endpoint);
    const run = attached[choice % attached.length];
    if (!run) return;
    run.isToComeBack = true;
    this.#end(run);
  }

  /** One of those that run, the first before the others. */
  stop(machine: Machine, choice: number): void {
    const running = this.#running(machine);
    const run = running[choice % running.length];
    if (run) this.#end(run);
  }

  /** Nothing runs any more; the engine sweeps what it has notes of. */
  reboot(machine: Machine): void {
    for (const run of this.#running(machine)) this.#end(run);
  }

  /** Whatever is where its engine wanted it is known to the agent. */
  async checkHealed(): Promise<void> {
    for (const run of this.#runs.values()) {
      if (run.isOver || run.wants === 'stopped' || !run.endpoint) continue;
      const { machine, path, network, endpoint } = run;
      const record = this.#world.store.head.networks.get(endpoint.network);
      const entry = machine.disk.readJournal().get(endpoint.id);
      if (!record || entry?.entry !== 'attachment') continue;
      const port = { ns: overlayNamespace(machine.tag, record.vni), name: portName(endpoint.id) };
      const there = await machine.kernel.findEnd(port, path);
      if (there && 'interface' in there && !entry.namespace)
        throw new Violation('what an engine moved is found', `${run.door.handle} in ${network}`);
    }
  }

  #running(machine: Machine): Run[] {
    return [...this.#runs.values()].filter((run) => run.machine === machine && run.wants === 'running');
  }

  #hold(run: Run, address: Ip | undefined): void {
    const { machine } = run;
    const network = machine.agent?.state.view.networkNamed(run.network);
    const subnet = network?.subnets[0]?.cidr;
    if (!machine.agent || !network || !subnet) {
      this.#forget(run);
      return;
    }
    const { agent } = machine;
    // As the agent knows it: of a host that was evicted meanwhile the address may be another's already.
    const epoch = agent.state.view.hosts.get(machine.id)?.epoch;
    agent.hold({ network: network.id, subnet, address }, (outcome) => {
      this.#note(run, () => `is held ${JSON.stringify(outcome)}`);
      if (run.wants === 'stopped' || outcome === 'lost' || isRejection(outcome)) {
        this.#forget(run);
        return;
      }
      if (outcome.answer !== 'held') throw new Error(outcome.answer);
      this.#world.count('address set aside');
      const held = outcome.address;
      // One that was asked for by name is not certain before it is attached.
      const untilMs = this.#world.timeline.nowMs + HOLD_MS;
      const isValid = () =>
        agent.isAlive && this.#world.timeline.nowMs < untilMs && epoch === this.#epochOf(machine);
      run.isHeld = isValid;
      if (!address) this.#world.ledger.beginHold({ network: network.id, ip: held, isValid });
      if (this.#random.chance(0.15)) this.#soon(0, 5_000, () => this.#dropHold(run, network.id, held));
      else this.#soon(0, this.#random.chance(0.1) ? 40_000 : 100, () => this.#attach(run, network, held));
    });
  }

  #dropHold(run: Run, network: Id, ip: Ip): void {
    this.#world.ledger.endHold(network, ip);
    run.machine.agent?.dispatch({ event: 'hold-dropped', network, address: ip });
    this.#forget(run);
  }

  #attach(run: Run, network: Network, ip: Ip): void {
    const { machine, door } = run;
    // Of one whose agent has died, or who took too long, it may be another's by now: who comes first has it.
    const wasHeld = run.isHeld();
    if (wasHeld) this.#world.ledger.endHold(network.id, ip);
    run.isHeld = () => false;
    if (run.wants === 'stopped') {
      this.#forget(run);
      return;
    }
    if (!machine.agent) {
      this.#soon(100, 2_000, () => this.#attach(run, network, ip));
      return;
    }
    const words = {
      ...{ network: network.id, containerId: door.handle, name: door.handle, aliases: [] },
      ...{ addresses: [ip], mac: run.fixed.mac },
    };
    const epoch = machine.agent.state.view.hosts.get(machine.id)?.epoch;
    run.pending = true;
    machine.agent.attach({ words, door }, (outcome) => {
      run.pending = false;
      // Refused, too, it has used up what was set aside.
      if (!wasHeld) this.#world.ledger.endHold(network.id, ip);
      this.#note(run, () => `is attached ${JSON.stringify(outcome)}`);
      if (run.wants === 'stopped' || run.bootId !== machine.bootId) this.#detach(run);
      else if (outcome === 'lost' && this.#random.chance(0.7))
        this.#soon(10, 1_000, () => this.#attach(run, network, ip));
      else if (outcome === 'lost' || isRejection(outcome)) this.#end(run);
      else this.#begin(run, outcome, epoch);
    });
  }

  #begin(run: Run, outcome: Exclude<Outcome, 'lost'>, epoch: number | undefined): void {
    const { machine, door, bootId } = run;
    if (isRejection(outcome) || outcome.answer !== 'attached') throw new Error('not attached');
    const { endpoint } = outcome;
    this.#world.count('attached through the door');
    checkDurable(machine, endpoint);
    run.endpoint = endpoint;
    if (endpoint.id === run.fixed.before) this.#world.count('came back without the controller');
    const { head } = this.#world.store;
    // As of any other promise: see users.ts.
    const isKept = head.networks.has(endpoint.network) && epoch === head.hosts.get(endpoint.host)?.epoch;
    const place = `${bootId} ${door.handle}`;
    if (isKept) this.#world.ledger.begin({ endpoint, machine, place });
    this.#join(run, outcome.network);
    const words = { name: `${door.handle}-name`, aliases: ['web'], containerId: `c-${door.handle}` };
    this.#soon(0, 800, () =>
      this.#tell(run, () => machine.agent?.dispatch({ event: 'described', door, words })),
    );
  }

  /** Nothing is moved before the plugin has answered. */
  #join(run: Run, network: Network): void {
    const again = () => this.#soon(50, 1_000, () => this.#join(run, network));
    const { machine, door, path } = run;
    if (run.wants === 'stopped') return;
    if (!machine.agent) {
      again();
      return;
    }
    machine.agent.noteSandbox(door, path, (outcome) => {
      this.#note(run, () => `is to be moved ${JSON.stringify(outcome)}`);
      if (outcome === 'lost') again();
      else if (isRejection(outcome)) this.#end(run);
      else this.#soon(2, 300, () => this.#move(run, network));
    });
  }

  /** By a call that is tried until it gets through. */
  #tell(run: Run, call: () => void): void {
    if (run.wants === 'stopped') return;
    if (run.machine.agent) call();
    else this.#soon(50, 1_000, () => this.#tell(run, call));
  }

  /** Moved, then dressed, then up; between any two something may happen. */
  #move(run: Run, network: Network): void {
    const { machine, path, endpoint } = run;
    if (!endpoint || run.wants === 'stopped' || run.bootId !== machine.bootId) return;
    const namespace = machine.startContainer(path);
    const { kernel } = machine;
    if (!kernel.hasLink({ ns: '', name: hostEndName(endpoint.id) })) {
      // Somebody deleted it: the engine gives up.
      this.#end(run);
      return;
    }
    kernel.moveLink({ ns: '', name: hostEndName(endpoint.id) }, { ns: path, name: 'eth0' }, false);
    this.#soon(0, 20, async () => {
      if (run.wants === 'stopped' || run.bootId !== machine.bootId) return;
      await kernel.apply(
        addressesOf(endpoint, network, path).map((object) => ({ verb: 'add', object })),
        { hostTag: '', containers: [{ namespace, interfaces: ['eth0'] }] },
      );
      kernel.moveLink({ ns: path, name: 'eth0' }, { ns: path, name: 'eth0' }, true);
    });
  }

  /** Taken out of the container, mostly given back, and told to the plugin until that has taken note. */
  #end(run: Run): void {
    const { machine, endpoint, path } = run;
    run.wants = 'stopped';
    if (endpoint) this.#world.ledger.end(endpoint.id);
    this.#note(run, () => 'is stopped');
    if (endpoint && run.bootId === machine.bootId && this.#random.chance(0.7))
      machine.kernel.moveLink({ ns: path, name: 'eth0' }, { ns: '', name: hostEndName(endpoint.id) }, false);
    if (this.#random.chance(0.5)) machine.endContainer(path);
    this.#soon(0, 500, () => this.#detach(run));
  }

  #detach(run: Run): void {
    const { machine, door } = run;
    const again = () => this.#soon(100, 3_000, () => this.#detach(run));
    if (run.pending || run.isOver) return;
    if (!machine.agent) {
      again();
      return;
    }
    machine.agent.detach({ door }, (outcome) => {
      this.#note(run, () => `is detached ${JSON.stringify(outcome)}`);
      if (outcome === 'lost' || isRejection(outcome)) again();
      else this.#forget(run);
    });
  }

  #forget(run: Run): void {
    run.wants = 'stopped';
    run.isOver = true;
    run.machine.endContainer(run.path);
    if (run.isToComeBack) this.#comeBack(run);
  }

  /** Mostly by its address, sometimes by its MAC, too. */
  #comeBack({ machine, network, endpoint, fixed }: Run): void {
    if (!endpoint) return;
    const [address] = endpoint.addresses;
    const mac = fixed.mac ?? (this.#random.chance(0.3) ? endpoint.mac : undefined);
    this.#soon(0, 200, () => this.start(machine, network, { address, mac, before: endpoint.id }));
  }

  #epochOf({ id }: Machine): number | undefined {
    return this.#world.store.head.hosts.get(id)?.epoch;
  }

  #soon(lowMs: number, highMs: number, run: () => void | Promise<void>): void {
    this.#world.timeline.after(this.#random.between(lowMs, highMs), run);
  }

  #note({ machine, door }: Run, what: () => string): void {
    this.#world.note(machine.name, () => `${door.handle} ${what()}`);
  }
}

const addressesOf = ({ addresses }: Endpoint, { subnets }: Network, ns: string): Address[] =>
  addresses.map((ip) => {
    const { cidr } = subnets.find((subnet) => cidrContains(subnet.cidr, ip))!;
    const address = `${ip}/${cidr.split('/')[1]}` as Address['address'];
    return { kind: 'address', ns, dev: 'eth0', address, ...(ip.includes(':') && { nodad: true }) };
  });
