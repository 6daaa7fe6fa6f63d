import { capturedFrames } from '#packet/captured-frames.testdata.ts';
import { decodeFrame } from '#packet/decode.ts';
import { describeLayers } from '#packet/describe.ts';
import { explainFrame } from '#packet/explain.ts';
import { type LabShape, layOutLab } from '../layout.ts';
import { addressOf, containerLabel, containersOf } from './probe.ts';
import type { DemoContainer, DemoHost, DemoReport, Probe, Topology } from './report.ts';

/** A report as the demo would make it of a healthy lab of that shape, for the drawings' tests. */
export function exampleReport(shape: Partial<LabShape> = {}): DemoReport {
  const topology = exampleTopology({
    ...{ hosts: 3, containers: 2, networks: 2, mode: 'proxy', underlay: 'ipv4', mtu: 1500 },
    ...shape,
  });
  const reach = pairsOf(topology, (from, to) => from.network === to.network, { received: 2, rttMs: 0.123 });
  const isolation = pairsOf(topology, (from, to) => from.network !== to.network, { received: 0 });
  const bytes = Buffer.from(capturedFrames.echoRequest);
  const layers = decodeFrame(bytes);
  return {
    lab: 'lab',
    topology,
    reach,
    isolation,
    underlay: { seconds: 1.5, dropped: 0, tunnelled: { 'icmp-echo': 240, mld: 3 } },
    frame: {
      host: 'h1',
      interface: 'eth0',
      time: '2025-01-02T03:04:05.678Z',
      length: bytes.length,
      hex: bytes.toString('hex'),
      layers,
      lines: describeLayers(layers),
      sentence: explainFrame(layers),
    },
    resolution: {
      container: 'h1/c1',
      network: 'blue',
      target: '10.1.0.8',
      requests: 1,
      answer: { mac: '02:00:00:00:02:01', afterMicroseconds: 21.4 },
      copiesOnUnderlay: 0,
    },
    verdict: { ok: true, reached: reach.length, unreached: 0, leaked: 0, crossed: 0 },
  };
}

function exampleTopology(shape: LabShape): Topology {
  const lab = layOutLab('lab', '/run/weft-lab/lab', shape);
  const networks = lab.networks.map(({ name, subnets }, index) => ({
    name,
    subnets,
    vni: 1_048_576 + index,
    mode: shape.mode,
  }));
  const hosts = lab.hosts.map(
    ({ name, namespace, addresses, containers }, k): DemoHost => ({
      name,
      namespace,
      interface: 'eth0',
      ifindex: 2,
      mac: `02:00:00:00:00:0${k + 1}`,
      mtu: shape.mtu,
      addresses,
      tunnels: networks.map(({ name: network, vni }) => ({
        network,
        namespace: `weft-0000000${k}-${vni.toString(16)}`,
        vni,
        port: 4789,
        local: addresses[0]!.replace('/24', ''),
        mtu: shape.mtu - 50,
        learning: false,
        proxy: true,
        flood: [],
        remote: [],
        neighbours: 0,
      })),
      containers: containers.map((container, c) => {
        const n = networks.findIndex((network) => network.name === container.network) + 1;
        const low = 8 * k + 2 + (c % shape.containers);
        return {
          name: container.name,
          host: name,
          namespace: container.namespace,
          network: container.network,
          interface: 'eth0',
          ifindex: 2,
          mac: `02:00:00:00:0${k + 1}:0${c + 1}`,
          mtu: shape.mtu - 50,
          addresses: [`10.${n}.0.${low}/24`, `fd0${n}::${k}:${low}/64`, `fe80::${k + 1}:${c + 1}/64`],
        };
      }),
    }),
  );
  return { underlay: { subnets: ['10.99.0.0/24', 'fd99::/64'], mtu: shape.mtu }, networks, hosts };
}

function pairsOf(
  topology: Topology,
  wanted: (from: DemoContainer, to: DemoContainer) => boolean,
  outcome: { readonly received: number; readonly rttMs?: number },
): Probe[] {
  const all = containersOf(topology);
  return all.flatMap((from) =>
    all
      .filter((to) => to !== from && wanted(from, to))
      .flatMap((to) =>
        ([4, 6] as const).map((family) => ({
          from: containerLabel(from),
          to: containerLabel(to),
          fromNetwork: from.network,
          toNetwork: to.network,
          family,
          address: addressOf(to, family)!,
          sent: 2,
          ...outcome,
        })),
      ),
  );
}
