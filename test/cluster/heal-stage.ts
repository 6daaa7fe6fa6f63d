import { execFile } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import http from 'node:http';
import { promisify } from 'node:util';
import { gatewayMac } from '#model/gateway.ts';
import type { Id } from '#model/id.ts';
import { type EventGroup, subscribe } from '#netlink/events.ts';
import { type Message, messageTypeName, RTM } from '#netlink/message.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import { NUD } from '#netlink/route/neighbour.ts';
import { call, type EndpointJson } from '../world/api.ts';
import { until, World } from '../world/world.ts';
import { PROGRAM } from './lab-cli.ts';
import { readKernel } from './read-kernel.ts';

const run = promisify(execFile);

/** In which a write by an agent shows. */
const GROUPS = ['LINK', 'IPV4_IFADDR', 'IPV6_IFADDR', 'IPV4_ROUTE', 'IPV6_ROUTE'] as const;

const STRANGERS = [
  ...['$HOST', '$C'].flatMap((ns) => [
    `ip -n ${ns} link add stranger0 type bridge`,
    `ip -n ${ns} link set stranger0 addrgenmode none`,
    `ip -n ${ns} link set stranger0 up`,
    `ip -n ${ns} addr add 10.9.8.1/24 dev stranger0`,
    `ip -n ${ns} route add 10.9.7.0/24 via 10.9.8.2 dev stranger0`,
    `ip -n ${ns} neigh add 10.9.8.2 lladdr 02:00:00:00:00:77 dev stranger0 nud permanent`,
  ]),
  // A blow turns the container's IPv6 off.
  'ip -n $HOST addr add fd09:8::1/64 dev stranger0 nodad',
  // Named like a device of ours, but not in our group.
  'ip -n $HOST link add wfx1 type vxlan id 77 dstport 4790 local 10.99.0.1',
  'bridge -n $HOST fdb add 02:00:00:00:00:77 dev wfx1 dst 10.99.0.9',
];

/** One container on each of two hosts, in a network of their own: what is struck here stands nowhere else. */
export interface Site {
  readonly mode: string;
  /** Undamaged, by `lookAt`. */
  readonly whole: string;
  /** What a blow may name, as variables of the shell. */
  readonly words: Readonly<Record<string, string>>;
  /** Of the container on the second host. */
  readonly remoteAddresses: readonly string[];
}

/** A controller and two agents as processes. The witnesses of what the first host's kernel holds are `ip` and `bridge`. */
export class HealStage {
  readonly world = new World({ program: PROGRAM, hosts: ['h1', 'h2'] });
  /** Those that nobody is striking. */
  readonly #free: Site[] = [];
  #strangers: Site['words'] = {};

  /** So many sites in each of the modes. */
  static async up(counts: Readonly<Record<string, number>>): Promise<HealStage> {
    const stage = new HealStage();
    await stage.world.startAll();
    for (const [mode, count] of Object.entries(counts))
      for (let number = 1; number <= count; number++) stage.#free.push(await stage.#build(mode, number));
    return stage;
  }

  down(): Promise<void> {
    return this.world.remove();
  }

  /** With a site that nobody else has meanwhile. Throws when none is free: fewer blows at once, or more sites. */
  async onSite(mode: string, work: (site: Site) => Promise<void>): Promise<void> {
    const site = this.#free.find((each) => each.mode === mode);
    if (!site) throw new Error(`no site in ${mode} is free`);
    this.#free.splice(this.#free.indexOf(site), 1);
    try {
      await work(site);
    } finally {
      this.#free.push(site);
    }
  }

  /** Of the first host's agent, one line for each set of labels. */
  async samples(name: string): Promise<string[]> {
    const text = await readMetrics(this.world.agentSocket('h1'));
    return text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  }

  /** Summed over its labels. */
  async metric(name: string): Promise<number> {
    const samples = await this.samples(name);
    return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  looks(): Promise<number> {
    return this.metric('weft_agent_look_duration_seconds_count');
  }

  async revisions(): Promise<{ head: number; applied: number }> {
    const of = (which: string) => this.metric(`weft_agent_${which}_revision`);
    return { head: await of('head'), applied: await of('applied') };
  }

  /** Listens in every namespace that the agent writes to. `stop` tells what was changed there. */
  hearChanges(): { stop(): string[] } {
    const changes: string[] = [];
    const listen = (name: string, groups: readonly EventGroup[]) => {
      const netnsFd = openSync(`/run/netns/${name}`, 'r');
      const subscription = subscribe({ groups, netnsFd }, (event) => {
        if (event.kind === 'overrun') changes.push('some were lost');
        else if (event.message.type !== RTM.GETNEIGH && !isKernelsOwn(event.message))
          changes.push(`${messageTypeName(event.message.type)} ${event.message.body[0]} in ${name}`);
      });
      closeSync(netnsFd);
      return subscription;
    };
    // Where a device learns, and in containers, rows come and go with the traffic.
    const sites = this.#free.filter(({ mode }) => mode === 'proxy');
    const subscriptions = sites.flatMap(({ words: { NET = '', C = '' } }) => [
      listen(NET, [...GROUPS, 'NEIGH']),
      listen(C, GROUPS),
    ]);
    return {
      stop: () => {
        for (const subscription of subscriptions) subscription.close();
        return changes;
      },
    };
  }

  /** Objects of others, some that look like ours, on the host and beside an interface of ours in a container. */
  async placeStrangers(): Promise<void> {
    const [site] = this.#free;
    const words = { ...site!.words, HOST: this.world.containerOf('h1') };
    for (const line of STRANGERS) await strike(line, { words });
    this.#strangers = words;
  }

  /** All of them, as text. */
  async lookAtStrangers(): Promise<string> {
    const looks = [
      'addr show dev stranger0',
      'addr show dev wfx1',
      'neigh show dev stranger0',
      'route show dev stranger0',
    ];
    const script = [...looks.map((look) => `ip ${look} || true`), 'bridge fdb show dev wfx1 || true'].join(
      '\n',
    );
    const { HOST = '', C = '' } = this.#strangers;
    const read = (ns: string) => run('nsenter', [`--net=/run/netns/${ns}`, 'sh', '-c', script]);
    const texts = await Promise.all([HOST, C].map(read));
    return texts.map(({ stdout }) => stdout).join('\n');
  }

  async #build(mode: string, number: number): Promise<Site> {
    const { world } = this;
    const name = `${mode}${number}`;
    const subnets = [`10.70.${number}.0/24`, `fd70:${number}::/64`];
    const { ok, body } = await call(world.controllerSocket, 'ControllerService/CreateNetwork', {
      ...{ name, mode, subnets },
    });
    if (!ok) throw new Error(JSON.stringify(body));
    const [near, far] = [await this.#join('h1', name), await this.#join('h2', name)];
    const { networks } = await world.records();
    const { id, vni, group = '' } = networks.find((network) => network.name === name)!;
    const site: Omit<Site, 'whole'> = {
      mode,
      remoteAddresses: far.addresses,
      words: {
        NET: `${world.overlaysOf('h1')}${vni.toString(16)}`,
        C: near.containerId,
        DEV: near.interface,
        PORT: `p${near.id.slice(-12).toLowerCase()}`,
        MAC: near.mac,
        CIDR4: subnets[0]!,
        CIDR6: subnets[1]!,
        IP4: `${near.addresses[0]}/24`,
        IP6: `${near.addresses[1]}/64`,
        GROUP: group,
        GMAC: gatewayMac(id as Id),
        RMAC: far.mac,
        NONE4: `10.70.${number}.99`,
        RIP4: far.addresses[0]!,
        RIP6: far.addresses[1]!,
      },
    };
    await untilReached(site);
    return { ...site, whole: await lookAt(site) };
  }

  async #join(host: string, network: string): Promise<EndpointJson> {
    const container = `${network}${host}`;
    this.world.addNamespace(container);
    const { ok, body } = await this.world.attachTo(host, container, network);
    if (!ok) throw new Error(JSON.stringify(body));
    return body.endpoint;
  }
}

/**
 * The kernel's multicast neighbours, `nud noarp`, come and go with its own reports; and a bridge tells of a port
 * anew, unchanged, without anybody's write (whose count the agent's own metric gives).
 */
function isKernelsOwn({ type, body }: Message): boolean {
  if (type === RTM.NEWLINK) return body[0] === AF_BRIDGE;
  if (type !== RTM.NEWNEIGH && type !== RTM.DELNEIGH) return false;
  return body[0] !== AF_BRIDGE && !(body.readUInt16LE(8) & NUD.PERMANENT);
}

function readMetrics(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ socketPath, path: '/metrics' }, async (response) => {
      let text = '';
      for await (const part of response) text += part;
      resolve(text);
    });
    request.on('error', reject);
  });
}

/** Runs a line in a shell; throws what it complained about. */
export async function strike(line: string, { words }: Pick<Site, 'words'>): Promise<void> {
  await run('sh', ['-ec', line], { env: { ...process.env, ...words } });
}

/** What the first host's kernel holds of it, and its container: equal as text when nothing differs. */
export const lookAt = ({ words: { NET = '', C = '', DEV = '' } }: Pick<Site, 'words'>): Promise<string> =>
  readKernel(NET, C, DEV);

/** What a look takes on a machine that has nothing else to do than this test, some of them at once. */
const LOOK_COSTS_MS = 50;

/**
 * The first look that says so must begin within this time, or so much later as this machine is slower just now. Gives
 * what differs by then.
 */
export async function untilHealed(site: Site, withinMs: number): Promise<string[]> {
  const struckMs = performance.now();
  for (let looks = 1; ; looks++) {
    const beganMs = performance.now();
    const damage = differences(site, await lookAt(site));
    if (damage.length === 0) return [];
    const slowness = (performance.now() - struckMs) / looks / LOOK_COSTS_MS;
    if (beganMs - struckMs >= withinMs * Math.max(1, slowness)) return damage;
  }
}

/** Rows that somebody has asked for are missed by nobody until somebody asks again. */
function differences({ whole, mode, words }: Site, now: string): string[] {
  const [was, is] = [whole.split('\n'), now.split('\n')];
  const isAsked = (line: string) => mode === 'on-demand' && line.includes(words.RMAC!);
  return [
    ...was.filter((line) => !is.includes(line) && !isAsked(line)).map((line) => `- ${line}`),
    ...is.filter((line) => !was.includes(line)).map((line) => `+ ${line}`),
  ];
}

/** The container on the other host answers, in both families. */
export async function untilReached({
  words,
  remoteAddresses,
}: Pick<Site, 'words' | 'remoteAddresses'>): Promise<void> {
  const ping = (address: string) =>
    run('nsenter', [`--net=/run/netns/${words.C}`, 'ping', '-n', '-c', '1', '-W', '1', address]);
  await until(`${remoteAddresses} answer`, () => Promise.all(remoteAddresses.map(ping)), 5_000);
}
