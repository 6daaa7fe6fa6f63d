import type { EndpointJson, Records } from './api.ts';
import { actualLines, allowedLines, expectedLines } from './kernel-lines.ts';
import { handleOf } from './stand-in-engine.ts';
import { until, type World } from './world.ts';

/**
 * Waits until all is as it should be, and says what is not if it stays so: every host follows; the store's endpoints
 * and the journals' are the same; every kernel is what the records ask for, with nothing over.
 */
export const untilSettled = (world: World, containers: readonly string[]): Promise<void> =>
  until('all is settled', async () => {
    const records = await world.records();
    const wrong = recordFaults(records);
    for (const { name, change } of records.networks)
      if (change) wrong.push(`${name} is in phase ${change.phase}`);
    for (const host of world.agents.keys()) {
      const { connected, status } = await world.status(host);
      if (!connected) wrong.push(`${host} does not follow`);
      for (const what of [...(status?.drift ?? []), ...(status?.failing ?? [])])
        wrong.push(`${host} says ${JSON.stringify(what)}`);
      wrong.push(...journalFaults(world, records, host));
    }
    if (wrong.length === 0)
      for (const host of world.agents.keys()) wrong.push(...kernelFaults(world, records, host, containers));
    // What was looked at one after the other is of one moment only if nothing changed meanwhile.
    if ((await world.records()).revision !== records.revision) return false;
    if (wrong.length > 0) throw new Error(wrong.join('\n'));
    return true;
  });

/** These tests have few endpoints: a host that has more blocks of a family was given some again and again. */
const MOST_BLOCKS = 4;

/** No address, MAC or block twice in a network; no more blocks for a host than it has a use for. */
function recordFaults({ endpoints, blocks }: Records): string[] {
  const keys = [
    ...endpoints.flatMap(({ network, mac, addresses }) =>
      [mac, ...addresses].map((each) => `${network} ${each}`),
    ),
    ...blocks.map(({ network, cidr }) => `block ${network} ${cidr}`),
  ];
  const owners = blocks.map(({ network, host, cidr }) => `${network} ${host} ${cidr.includes(':') ? 6 : 4}`);
  const rich = [...new Set(owners)].filter(
    (owner) => owners.filter((each) => each === owner).length > MOST_BLOCKS,
  );
  return [
    ...keys.filter((key, i) => keys.indexOf(key) !== i).map((key) => `twice: ${key}`),
    ...rich.map((owner) => `more than ${MOST_BLOCKS} blocks: ${owner}`),
  ];
}

/** Everything promised is recorded, and everything recorded is promised to somebody. */
function journalFaults(world: World, { endpoints, hosts }: Records, name: string): string[] {
  const host = hosts.find((each) => each.name === name)?.id;
  const recorded = endpoints.filter((endpoint) => endpoint.host === host).map(nameOf);
  const promised = [...world.journalOf(name).values()]
    .filter(({ entry }) => entry === 'attachment')
    .map(
      ({ endpoint, state, published }) =>
        `${nameOf(endpoint)}${state === 'attached' && published ? '' : ' (untold)'}`,
    );
  return [
    ...recorded.filter((each) => !promised.includes(each)).map((each) => `no journal knows ${each}`),
    ...promised.filter((each) => !recorded.includes(each)).map((each) => `no record of ${each}`),
  ];
}

const nameOf = ({ id, generation, name }: EndpointJson): string => `${name} ${id} generation ${generation}`;

function kernelFaults(world: World, records: Records, host: string, containers: readonly string[]): string[] {
  const overlays = world.overlaysOf(host);
  const known = records.hosts.find(({ name }) => name === host)?.id;
  const elsewhere = new Set(
    records.endpoints.filter((endpoint) => endpoint.host !== known).map((each) => each.containerId),
  );
  const isElsewhere = (container: string) => [container, handleOf(container)].some((id) => elsewhere.has(id));
  const here = containers.filter((container) => !isElsewhere(container));
  const expected = expectedLines(records, host, overlays, here);
  const allowed = [...expected, ...allowedLines(records, host, overlays)];
  const actual = actualLines(world.containerOf(host), overlays, here);
  return [
    ...expected.filter((line) => !actual.includes(line)).map((line) => `${host} lacks ${line}`),
    ...actual.filter((line) => !allowed.includes(line)).map((line) => `${host} has ${line}`),
  ];
}
