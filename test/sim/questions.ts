import { kernelKey, type Neighbour } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { overlayNamespace, tunnelName } from '#model/own.ts';
import type { Endpoint, Network } from '#model/records.ts';
import { decodeFrame } from '#packet/decode.ts';
import { encodeArpRequest } from '#packet/encode-frame.ts';
import { findLayer } from '#packet/layer.ts';
import { isOnDemand } from '#plan/tunnel.ts';
import type { Machine } from './machine.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** The container that asks; who it is matters to nobody. */
const ASKER = { mac: '02:00:00:00:aa:01', ip: '10.1.0.1' };
const PORT = 7;
const NOBODY = '10.200.0.1';

/** A container asks for an endpoint of its network, or for nobody; or it sends a frame to a MAC without asking. */
export function ask(world: World, machine: Machine, name: string, choice: number, by: 'ip' | 'mac'): void {
  const network = [...world.store.head.networks.values()].find((each) => each.name === name);
  if (!network) return;
  const endpoints = [...world.store.head.inNetwork(network.id).endpoints.values()];
  const target = endpoints[choice % (endpoints.length + 1)];
  const ns = overlayNamespace(machine.tag, network.vni);
  world.note(machine.name, () => `${by} of ${target?.id ?? 'nobody'} is missed in ${ns}`);
  if (by === 'mac')
    machine.kernel.miss({ missed: 'mac', ns, mac: target?.mac ?? ('02:00:00:00:00:99' as Mac) });
  else askFor(machine, ns, target ? ipv4Of(target) : NOBODY);
}

const askFor = ({ kernel }: Machine, ns: string, ip: string): void =>
  kernel.miss({ missed: 'question', ns, port: PORT, frame: encodeArpRequest(ASKER, ip) });

const ipv4Of = ({ addresses }: Endpoint): string => addresses.find((ip) => !ip.includes(':')) ?? NOBODY;

/** What a container hears instead of its peer: nothing that no view of this host ever said. */
export function checkAnswer(world: World, machine: Machine, ns: string, frame: Uint8Array): void {
  const arp = findLayer(decodeFrame(frame), 'arp')!;
  const said = {
    kind: 'neighbour',
    ns,
    dev: tunnelName(),
    ip: arp.senderIp,
    mac: arp.senderMac,
  } as Neighbour;
  world.count('answer');
  world.note(machine.name, () => `answers ${arp.senderIp} is at ${arp.senderMac}`);
  if (!machine.rows.has(said))
    throw new Violation(
      'answers are as a view said',
      `${machine.name}: ${arp.senderIp} is at ${arp.senderMac}`,
    );
}

/** Once all is well, who asks for anybody on another host is answered; also when somebody took away what was written. */
export async function checkQuestions({ store, machines, timeline }: World): Promise<void> {
  for (const machine of machines)
    for (const network of store.head.networks.values()) {
      if (!isOnDemand(network) || !store.head.inNetwork(network.id).endpointCount.has(machine.id)) continue;
      for (const endpoint of store.head.inNetwork(network.id).endpoints.values())
        if (endpoint.host !== machine.id)
          for (const verb of ['delete', 'leave'] as const) {
            askFor(machine, overlayNamespace(machine.tag, network.vni), ipv4Of(endpoint));
            await timeline.runUntil(timeline.nowMs + 1_000);
            const object = await knownRow(machine, network, endpoint);
            if (verb === 'leave') continue;
            await machine.kernel.apply([{ verb, object }], { hostTag: machine.tag, containers: [] });
            await timeline.runUntil(timeline.nowMs + 1_000);
          }
    }
}

async function knownRow(machine: Machine, { vni, device }: Network, endpoint: Endpoint): Promise<Neighbour> {
  const ns = overlayNamespace(machine.tag, vni);
  const seen = await machine.kernel.observe({ hostTag: machine.tag, containers: [] });
  const key = kernelKey({
    kind: 'neighbour',
    ns,
    dev: tunnelName(device),
    ip: ipv4Of(endpoint),
  } as Neighbour);
  const neighbour = seen.neighbour.get(key);
  if (neighbour?.mac !== endpoint.mac)
    throw new Violation('who asks is answered', `${machine.name} does not know ${endpoint.id}`);
  return neighbour;
}
