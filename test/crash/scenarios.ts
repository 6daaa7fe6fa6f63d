import { pings } from '../cluster/lab-cli.ts';
import { call, type Reply } from '../world/api.ts';
import { bridge, ip, kernelJson } from '../world/namespaces.ts';
import { until } from '../world/world.ts';
import { type CrashWorld, mustBeOk } from './crash-world.ts';

/** Something that is done while somebody dies. */
export interface Scenario {
  readonly name: string;
  /** Who dies: the controller, or a host's agent. */
  readonly victim: 'controller' | 'h1';
  /** It takes seconds each time: so many points are enough, unless all are wanted. */
  readonly most?: number;
  /** Only a victim that is back in time keeps all pings (controller/drive-changes.ts), which not every machine lets it. */
  readonly isTimed?: boolean;
  /** While nobody is in danger. */
  readonly prepare?: (world: CrashWorld) => Promise<void>;
  /** What is done; it may or may not be answered. */
  readonly act: (world: CrashWorld) => Promise<unknown>;
  /** The same once more, by a user who got no answer: it must succeed. */
  readonly repeat: (world: CrashWorld) => Promise<void>;
  /** Back to where it began. */
  readonly undo?: (world: CrashWorld) => Promise<void>;
}

const attachA3 =
  (network: string, words: object = {}) =>
  (world: CrashWorld) =>
    world.attachTo('h1', 'a3', network, words);
const detachA3 = (world: CrashWorld) => world.detachAll('h1', 'a3');
const must = (act: (world: CrashWorld) => Promise<Reply>) => async (world: CrashWorld) =>
  mustBeOk(await act(world));

/** With a MAC of the user's own the controller is asked. */
const MAC = { mac: '02:00:00:00:00:a3' };

const attach = (name: string, act: (world: CrashWorld) => Promise<Reply>) => ({
  name,
  act,
  repeat: must(act),
  undo: must(detachA3),
});
const detach = (name: string, network: string) => ({
  name,
  prepare: must(attachA3(network)),
  act: detachA3,
  repeat: must(detachA3),
});

const removeNetwork = (name: string) => (world: CrashWorld) =>
  call(world.controllerSocket, 'ControllerService/RemoveNetwork', { network: name });
const createNetwork = (world: CrashWorld, mode?: string) =>
  call(world.controllerSocket, 'ControllerService/CreateNetwork', {
    name: 'green',
    subnets: ['10.3.0.0/16', 'fd00:3::/64'],
    mode,
  });

/** What the user wants is so already, and he is told that. */
const mustBeOkOr = ({ ok, body }: Reply, code: string): void => {
  if (body.code !== code) mustBeOk({ ok, body });
};

/** A detach is answered before the controller is told, and a network that has endpoints is not removed. */
const untilEmpty = (world: CrashWorld, name: string): Promise<void> =>
  until(`nobody is in ${name}`, async () => {
    const { networks, endpoints } = await world.records();
    const id = networks.find((network) => network.name === name)?.id;
    return endpoints.every(({ network }) => network !== id);
  });

const leaveGreen: Pick<Scenario, 'prepare' | 'act' | 'repeat'> = {
  prepare: async (world) => {
    mustBeOk(await createNetwork(world));
    mustBeOk(await world.attachTo('h1', 'a3', 'green'));
    mustBeOk(await world.attachTo('h2', 'b4', 'green'));
  },
  act: async (world) => {
    const answers = await Promise.all([detachA3(world), world.detachAll('h2', 'b4')]);
    if (answers.every(({ ok }) => ok)) await untilEmpty(world, 'green');
    return removeNetwork('green')(world);
  },
  repeat: async (world) => {
    mustBeOk(await detachA3(world));
    mustBeOk(await world.detachAll('h2', 'b4'));
    await untilEmpty(world, 'green');
    mustBeOkOr(await removeNetwork('green')(world), 'not_found');
  },
};

/** While the agent is away the kernel is damaged and the cluster goes on; nothing that the running flows need. */
const resync: Pick<Scenario, 'prepare' | 'act' | 'repeat' | 'undo'> = {
  prepare: async (world) => {
    mustBeOk(await attachA3('red')(world));
    mustBeOk(await attachA3('blue')(world));
    await world.settled();
    await world.agent('h1').stop('SIGKILL');
    const { endpoints } = await world.records();
    const [a3, b2] = ['a3', 'b2'].map((name) => endpoints.find((each) => each.name === name)!);
    const [red, blue] = ['100000', '100001'].map((vni) => `${world.overlaysOf('h1')}${vni}`) as [
      string,
      string,
    ];
    ip('-n', red, 'link', 'del', `p${a3!.id.slice(-12).toLowerCase()}`);
    bridge('-n', red, 'fdb', 'del', b2!.mac, 'dev', 'vxlan0', 'dst', '10.99.0.2');
    bridge('-n', red, 'fdb', 'add', '02:00:00:00:de:ad', 'dev', 'vxlan0', 'dst', '10.99.0.9');
    ip('-n', red, 'neigh', 'del', b2!.addresses[0]!, 'dev', 'vxlan0');
    ip(
      '-n',
      red,
      'neigh',
      'add',
      '10.1.9.9',
      'lladdr',
      '02:00:00:00:de:ad',
      'dev',
      'vxlan0',
      'nud',
      'permanent',
    );
    ip('-n', red, 'link', 'add', 'astray0', 'type', 'veth', 'peer', 'name', 'astray1');
    for (const { ifname } of kernelJson<{ ifname: string }>('ip', blue, 'link'))
      if (/^(p|vxlan|br)/.test(ifname)) ip('-n', blue, 'link', 'del', ifname);
    ip('netns', 'del', blue);
    mustBeOk(await world.attachTo('h2', 'b4', 'red'));
  },
  act: async (world) => world.agent('h1').start(),
  repeat: async (world) => {
    mustBeOk(await attachA3('red')(world));
    mustBeOk(await attachA3('blue')(world));
  },
  undo: async (world) => {
    mustBeOk(await detachA3(world));
    mustBeOk(await world.detachAll('h2', 'b4'));
  },
};

/** As dockerd has it done: it calls again until it is answered, and moves the interface itself. */
const startThroughDoor: Omit<Scenario, 'victim' | 'name'> = {
  act: ({ engine }) => engine.start('a3'),
  repeat: async ({ engine }) => engine.leave('a3'),
  undo: ({ engine }) => engine.stop('a3'),
};
const stopThroughDoor: Omit<Scenario, 'victim' | 'name'> = {
  prepare: ({ engine }) => engine.start('a3'),
  act: ({ engine }) => engine.stop('a3'),
  repeat: ({ engine }) => engine.deleteEndpoint('a3'),
};

const publishA3 = (world: CrashWorld) =>
  call(world.controllerSocket, 'ControllerService/PublishPort', { endpoint: 'a3', mapping: '8080:80' });
const published = async (world: CrashWorld) => {
  mustBeOk(await attachA3('red')(world));
  // The agent gave it an address itself: the controller hears of it soon.
  await until('a3 is published', async () => (await publishA3(world)).ok);
  await leadsIn(world, true);
};

/** Of the records the host's status tells; of what packets meet, the kernel's rules alone. */
const leadsIn = (world: CrashWorld, isMeant: boolean, host = 'h1'): Promise<void> =>
  until(`8080 of ${host} ${isMeant ? 'leads' : 'does not lead'} to a3`, async () => {
    const rules = ip('netns', 'exec', world.containerOf(host), 'nft', 'list', 'ruleset');
    return rules.includes('dport 8080 dnat') === isMeant;
  });

/** A story about a port that is seen in the host's rules. */
const publishing: Omit<Scenario, 'victim' | 'name'> = {
  most: 4,
  prepare: must(attachA3('red')),
  act: publishA3,
  repeat: published,
  undo: async (world) => {
    mustBeOk(await detachA3(world));
    await leadsIn(world, false);
  },
};
const unpublishing: Omit<Scenario, 'victim' | 'name'> = {
  most: 4,
  prepare: published,
  act: detachA3,
  repeat: async (world) => {
    mustBeOk(await detachA3(world));
    await leadsIn(world, false);
  },
};
const unpublishA3 = (world: CrashWorld) =>
  call(world.controllerSocket, 'ControllerService/UnpublishPort', { endpoint: 'a3', mapping: '8080:80' });
const takingBack: Omit<Scenario, 'victim' | 'name'> = {
  most: 3,
  prepare: published,
  act: async (world) => {
    await unpublishA3(world);
    await leadsIn(world, false);
  },
  repeat: async (world) => {
    mustBeOkOr(await unpublishA3(world), 'not_found');
    await leadsIn(world, false);
  },
  undo: must(detachA3),
};
/** It has its address on the other host by then, and its port is of that one. */
const moving: Omit<Scenario, 'victim' | 'name'> = {
  most: 4,
  prepare: published,
  act: async (world) => {
    await detachA3(world);
    return world.attachTo('h2', 'a3', 'red');
  },
  repeat: async (world) => {
    mustBeOk(await detachA3(world));
    await leadsIn(world, false);
    mustBeOk(await world.attachTo('h2', 'a3', 'red'));
    await until('a3 is published', async () => (await publishA3(world)).ok);
    await leadsIn(world, true, 'h2');
    await leadsIn(world, false);
  },
  undo: async (world) => {
    mustBeOk(await world.detachAll('h2', 'a3'));
    await leadsIn(world, false, 'h2');
  },
};

/** Another firewall of h1's comes or goes: `red` has its way out by h1 all the while. */
const forwardPolicy = (world: CrashWorld, policy: 'DROP' | 'ACCEPT'): void => {
  for (const command of ['iptables', 'ip6tables'])
    ip('netns', 'exec', world.containerOf('h1'), command, '-P', 'FORWARD', policy);
};
const isPermitted = (world: CrashWorld, isMeant: boolean): Promise<void> =>
  until(`h1 has ${isMeant ? '' : 'none of '}our rules in FORWARD`, async () =>
    ['iptables', 'ip6tables'].every((command) => {
      const rules = ip('netns', 'exec', world.containerOf('h1'), command, '-S', 'FORWARD');
      return (rules.match(/"weft: /g) ?? []).length === (isMeant ? 2 : 0);
    }),
  );
const firewall = (before: 'DROP' | 'ACCEPT', after: 'DROP' | 'ACCEPT'): Omit<Scenario, 'victim' | 'name'> => {
  const become = (policy: 'DROP' | 'ACCEPT') => (world: CrashWorld) => {
    forwardPolicy(world, policy);
    return isPermitted(world, policy === 'DROP');
  };
  return {
    most: 4,
    prepare: become(before),
    act: become(after),
    repeat: become(after),
    undo: become('ACCEPT'),
  };
};

const exposure = (verb: 'Expose' | 'Hide') => (world: CrashWorld) =>
  call(world.controllerSocket, `ControllerService/${verb}Network`, { network: 'red', host: 'h1' });
const isExposed = (world: CrashWorld, isMeant: boolean): Promise<void> =>
  until(`h1 is ${isMeant ? 'in' : 'out of'} red`, async () => {
    const { endpoints } = await world.records();
    return endpoints.some(({ runtime }) => runtime === 'host') === isMeant;
  });

/** Nobody asks the agent: it does it by itself, and again after its death. */
const joining: Omit<Scenario, 'victim' | 'name'> = {
  most: 4,
  act: async (world) => {
    await exposure('Expose')(world);
    await isExposed(world, true);
  },
  repeat: async (world) => {
    mustBeOk(await exposure('Expose')(world));
    await isExposed(world, true);
  },
  undo: async (world) => {
    mustBeOk(await exposure('Hide')(world));
    await isExposed(world, false);
  },
};

const leaving: Omit<Scenario, 'victim' | 'name'> = {
  most: 3,
  prepare: joining.repeat,
  act: async (world) => {
    await exposure('Hide')(world);
    await isExposed(world, false);
  },
  repeat: async (world) => {
    mustBeOkOr(await exposure('Hide')(world), 'not_found');
    await isExposed(world, false);
  },
};

const adoption = (verb: 'Adopt' | 'Disown', host: string) => (world: CrashWorld) =>
  call(world.controllerSocket, `ControllerService/${verb}Bridge`, {
    host,
    bridge: 'strange0',
    ...(verb === 'Adopt' && { network: 'grey', mode: 'static' }),
  });
const isJoined = (world: CrashWorld, isMeant: boolean): Promise<void> =>
  until(`s1 ${isMeant ? 'reaches' : 'does not reach'} s2`, async () => {
    return (await pings(world.containerOf('s1'), '172.18.0.3')) === isMeant;
  });
const adopted = async (world: CrashWorld) => {
  for (const host of ['h1', 'h2']) mustBeOk(await adoption('Adopt', host)(world));
  await isJoined(world, true);
};
const letGo = async (world: CrashWorld) => {
  for (const host of ['h1', 'h2']) mustBeOkOr(await adoption('Disown', host)(world), 'not_found');
  mustBeOkOr(await removeNetwork('grey')(world), 'not_found');
  await isJoined(world, false);
};

/** The bridge is somebody else's: the agent hears of it, and of who is behind it, and does the rest by itself. */
const adopting: Omit<Scenario, 'victim' | 'name'> = {
  most: 4,
  prepare: must(adoption('Adopt', 'h2')),
  act: adoption('Adopt', 'h1'),
  repeat: adopted,
  undo: letGo,
};
const disowning: Omit<Scenario, 'victim' | 'name'> = {
  most: 4,
  prepare: adopted,
  act: adoption('Disown', 'h1'),
  repeat: letGo,
};

const askB4 = async (world: CrashWorld): Promise<boolean> => {
  const b4 = (await world.records()).endpoints.find(({ name }) => name === 'b4')!;
  return pings(world.containerOf('a3'), b4.addresses[0]!);
};

/** A container asks for another one; nothing is known of it before. */
const asking: Omit<Scenario, 'victim' | 'name'> = {
  most: 4,
  prepare: async (world) => {
    mustBeOk(await createNetwork(world, 'on-demand'));
    mustBeOk(await world.attachTo('h2', 'b4', 'green'));
    mustBeOk(await attachA3('green')(world));
  },
  act: askB4,
  repeat: (world) => until('b4 answers', () => askB4(world)),
  undo: leaveGreen.repeat,
};

/** Containers talk across it all the while, and none of their pings may be lost. */
function changing(name: string, to: object, back: object): Omit<Scenario, 'victim'> {
  const change = (words: object) => (world: CrashWorld) =>
    call(world.controllerSocket, 'ControllerService/ChangeNetwork', { network: 'red', ...words });
  return { name, most: 8, act: change(to), repeat: must(change(to)), undo: must(change(back)) };
}
const changingPort = changing('changing the UDP port of a network', { port: 4790 }, { port: 4789 });
const changingMode = changing('changing a mode with its device', { mode: 'static' }, { mode: 'proxy' });

export const SCENARIOS: readonly Scenario[] = [
  {
    victim: 'h1',
    ...attach('attach, first of its network, granted by the controller', attachA3('blue', MAC)),
  },
  { victim: 'h1', ...attach('attach, granted by the agent', attachA3('red')) },
  { victim: 'h1', ...detach('detach, others stay in the network', 'red') },
  { victim: 'h1', ...detach('detach, last of its network', 'blue') },
  { victim: 'h1', name: 'an engine’s container starts', most: 40, ...startThroughDoor },
  { victim: 'h1', name: 'an engine’s container stops', most: 30, ...stopThroughDoor },
  { victim: 'h1', name: 'publishing a port', ...publishing },
  { victim: 'h1', name: 'an endpoint goes with its published port', ...unpublishing },
  { victim: 'h1', name: 'a published port is taken back', ...takingBack },
  { victim: 'h1', name: 'a container moves that holds a published port', ...moving },
  { victim: 'h1', name: 'a firewall drops what its host forwards', ...firewall('ACCEPT', 'DROP') },
  { victim: 'h1', name: 'a firewall drops no more', ...firewall('DROP', 'ACCEPT') },
  { victim: 'h1', name: 'a host joins a network itself', ...joining },
  { victim: 'h1', name: 'a host leaves a network itself', ...leaving },
  { victim: 'h1', name: 'a bridge of its host’s is adopted', ...adopting },
  { victim: 'h1', name: 'a bridge that was adopted is let go', ...disowning },
  { victim: 'h1', name: 'a container asks on demand', ...asking },
  { victim: 'h1', name: 'leaving and removing a network', ...leaveGreen },
  { victim: 'h1', name: 'resync after a restart', ...resync },
  { victim: 'h1', ...changingPort, isTimed: true },
  { victim: 'controller', ...changingPort },
  { victim: 'h1', ...changingMode, isTimed: true },
  { victim: 'controller', ...changingMode },
  { victim: 'controller', ...attach('attach, granted by the controller', attachA3('blue', MAC)) },
  { victim: 'controller', ...attach('attach, granted by the agent and published', attachA3('red')) },
  { victim: 'controller', ...detach('detach', 'red') },
  { victim: 'controller', name: 'leaving and removing a network', ...leaveGreen },
  {
    victim: 'controller',
    name: 'creating a network',
    act: (world) => createNetwork(world),
    repeat: async (world) => mustBeOkOr(await createNetwork(world), 'already_exists'),
    undo: must(removeNetwork('green')),
  },
];
