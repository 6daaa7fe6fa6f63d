import { interfaceAddress } from '#model/cidr.ts';
import type { Ip } from '#model/ip.ts';
import { HOST_NAMESPACE } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import type { Machine } from './machine.ts';
import type { Random } from './random.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** Of each host; two, so that one is adopted while another is let go. */
export const BRIDGES = ['br-0', 'br-1'] as const;
const MTU = 1500;
const macOf = (bridge: string): Mac => `02:42:00:00:00:0${BRIDGES.indexOf(bridge as 'br-0')}` as Mac;
const gatewayOf = (bridge: string): Ip => `172.${18 + BRIDGES.indexOf(bridge as 'br-0')}.0.1` as Ip;
const stationOf = (number: number) => ({
  mac: `02:42:ac:12:00:1${number}` as Mac,
  addresses: [`172.18.0.1${number}` as Ip],
});

/** Where somebody is: behind which bridge of which host. */
interface Place {
  readonly machine: Machine;
  readonly bridge: string;
}

/** Bridges that something else owns, such as a Docker, and who comes and goes behind them. */
export class Bridges {
  /** By number; those that an old bridge has not forgotten yet are there too. */
  readonly #behind = new Map<number, Place[]>();
  readonly #absent = new Set<string>();
  readonly #world: World;
  readonly #random: Random;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** After a boot nobody is behind them. */
  plant(machine: Machine): void {
    for (const bridge of BRIDGES) this.#make(machine, bridge);
  }

  /** He is there from now on; the bridge where he was may not know it yet. */
  come(machine: Machine, bridge: string, station: number): void {
    const before = this.#behind.get(station) ?? [];
    const place = { machine, bridge };
    this.#behind.set(station, [...before.filter((other) => !isSame(other, place)), place]);
    this.#tell(machine, bridge);
    const lateMs = this.#random.chance(0.5) ? 0 : this.#random.between(0, 20_000);
    for (const old of before) if (!isSame(old, place)) this.#later(lateMs, () => this.#leave(old, station));
  }

  go(station: number): void {
    for (const place of this.#behind.get(station) ?? []) this.#leave(place, station);
  }

  /** Its owner takes it away, and makes it again. */
  remake(machine: Machine, bridge: string): void {
    const { bootId } = machine;
    if (this.#absent.has(keyOf({ machine, bridge }))) return;
    this.#forget(machine, bridge);
    this.#absent.add(keyOf({ machine, bridge }));
    machine.kernel.removeHostLink(bridge);
    this.#later(this.#random.between(0, 8_000), () => {
      if (bootId === machine.bootId) this.#make(machine, bridge);
    });
  }

  /** They are as their owner made them; who is behind an adopted one is known, and of others nothing is left. */
  async check({ store: { head } }: World, machine: Machine): Promise<void> {
    const seen = await machine.kernel.observe({ hostTag: machine.tag, containers: [], bridges: BRIDGES });
    const adopted = [...head.adoptions.values()].filter(({ host }) => host === machine.id);
    for (const bridge of BRIDGES) {
      const link = seen.link.get(`${HOST_NAMESPACE} ${bridge}`);
      const facts = seen.bridges.get(bridge);
      if (link?.mtu !== MTU || link.mac !== macOf(bridge) || `${facts?.addresses}` !== gatewayOf(bridge))
        throw new Violation('strangers are left alone', `${bridge} on ${machine.name}`);
      const ports = [...seen.link.values()].filter(({ ns, master }) => ns === '' && master === bridge);
      const adoption = adopted.find((each) => each.bridge === bridge);
      if (!adoption && ports.length > 0)
        throw new Violation('a bridge that is let go is as it was', `${bridge} on ${machine.name}`);
      const known = (adoption?.stations ?? []).map(({ mac }) => mac).sort();
      const there = adoption ? this.#stationsAt(machine, bridge).map(({ mac }) => mac) : [];
      if (`${known}` !== `${there.sort()}`)
        throw new Violation(
          'who is behind a bridge is known',
          `${machine.name} ${bridge}: ${known}, not ${there}`,
        );
    }
  }

  #make(machine: Machine, bridge: string): void {
    this.#forget(machine, bridge);
    this.#absent.delete(keyOf({ machine, bridge }));
    const address = interfaceAddress(gatewayOf(bridge), 16);
    machine.kernel.addHostBridge(bridge, macOf(bridge), [{ kind: 'address', ns: '', dev: bridge, address }]);
  }

  #forget(machine: Machine, bridge: string): void {
    for (const [station, places] of this.#behind)
      this.#behind.set(
        station,
        places.filter((place) => !isSame(place, { machine, bridge })),
      );
    this.#tell(machine, bridge);
  }

  #leave(place: Place, station: number): void {
    const places = this.#behind.get(station) ?? [];
    if (!places.includes(place)) return;
    this.#behind.set(
      station,
      places.filter((each) => each !== place),
    );
    this.#tell(place.machine, place.bridge);
  }

  #stationsAt(machine: Machine, bridge: string) {
    return [...this.#behind].flatMap(([number, places]) =>
      places.some((place) => isSame(place, { machine, bridge })) ? stationOf(number) : [],
    );
  }

  #tell(machine: Machine, bridge: string): void {
    machine.kernel.setStations(bridge, this.#stationsAt(machine, bridge));
  }

  #later(delayMs: number, run: () => void): void {
    const { timeline, calmAtMs } = this.#world;
    timeline.at(Math.min(timeline.nowMs + delayMs, Math.max(calmAtMs, timeline.nowMs)), run);
  }
}

const keyOf = ({ machine, bridge }: Place): string => `${machine.name} ${bridge}`;
const isSame = (one: Place, other: Place): boolean => keyOf(one) === keyOf(other);
