import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { weftOk } from './lab-cli.ts';

/** A network of the stage, as the container on the first host has it. */
export interface StageNetwork {
  readonly mode: string;
  /** The network's namespace on the first host. */
  readonly overlay: string;
  /** What a blow may name, as variables of the shell. */
  readonly words: Readonly<Record<string, string>>;
  /** Of the container on the second host. */
  readonly remoteAddresses: readonly string[];
}

interface EndpointJson {
  readonly id: string;
  readonly mac: string;
  readonly addresses: readonly string[];
}

/**
 * A controller and two agents as processes, one container on each host, with an interface in each of two networks.
 * `ip` and `bridge` are the witnesses of what the first host's kernel holds.
 */
export class TwoHosts {
  readonly name: string;
  /** Of the container on the first host, under /run/netns. */
  readonly container: string;
  readonly networks: StageNetwork[] = [];
  readonly #farContainer: string;
  readonly #pings: Ping[] = [];

  static async up(name: string, modes: readonly string[]): Promise<TwoHosts> {
    const stage = new TwoHosts(name);
    await stage.down();
    await weftOk(['lab', 'up', '--name', name, '--hosts', '2', '--networks', '0']);
    for (const container of [stage.container, stage.#farContainer])
      execFileSync('ip', ['netns', 'add', container]);
    for (const mode of modes) await stage.#join(mode);
    return stage;
  }

  private constructor(name: string) {
    this.name = name;
    this.container = `${name}a`;
    this.#farContainer = `${name}b`;
  }

  async down(): Promise<void> {
    for (const ping of this.#pings.splice(0)) ping.stop();
    await weftOk(['lab', 'down', '--name', this.name]);
    const there = readdirSync('/run/netns');
    for (const container of [this.container, this.#farContainer])
      if (there.includes(container)) execFileSync('ip', ['netns', 'del', container]);
  }

  /** `weft …` on one of the hosts. */
  weft(host: 'h1' | 'h2', ...args: readonly string[]): Promise<string> {
    return weftOk(['lab', 'exec', '--name', this.name, host, '--', 'weft', ...args]);
  }

  /** Pings from the first host's container, a hundred a second, in both families. */
  startPings({ remoteAddresses }: StageNetwork): Ping[] {
    const pings = remoteAddresses.map((address) => new Ping(this.container, address));
    this.#pings.push(...pings);
    return pings;
  }

  /** A sample of the first host's agent, summed over its labels. */
  async metric(name: string): Promise<number> {
    const text = await readMetrics(`/run/weft-lab/${this.name}/h1/run/weft/agent.sock`);
    const samples = text
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** What the kernel holds of a network on the first host, and in the container: equal as text when nothing differs. */
  async look({ overlay }: StageNetwork): Promise<string> {
    return (await Promise.all([lookInto(overlay, true), lookInto(this.container, false)])).join('\n');
  }

  async #join(mode: string): Promise<void> {
    const number = this.networks.length;
    const dev = `eth${number}`;
    const subnets = [`10.7${number}.0.0/24`, `fd7${number}::/64`];
    const before = readdirSync('/run/netns');
    await this.weft(
      'h1',
      'network',
      'create',
      mode,
      '--mode',
      mode,
      ...subnets.flatMap((cidr) => ['--subnet', cidr]),
    );
    const attach = async (host: 'h1' | 'h2', container: string): Promise<EndpointJson> =>
      JSON.parse(await this.weft(host, 'endpoint', 'attach', container, mode, '--interface', dev, '--json'))
        .endpoint;
    const near = await attach('h1', this.container);
    const overlay = readdirSync('/run/netns').find(
      (each) => each.startsWith('weft-') && !before.includes(each),
    )!;
    const far = await attach('h2', this.#farContainer);
    this.networks.push({
      mode,
      overlay,
      words: {
        NET: overlay,
        C: this.container,
        DEV: dev,
        PORT: `p${near.id.slice(-12).toLowerCase()}`,
        MAC: near.mac,
        CIDR4: subnets[0]!,
        CIDR6: subnets[1]!,
        IP4: `${near.addresses[0]}/24`,
        IP6: `${near.addresses[1]}/64`,
        RMAC: far.mac,
        RIP4: far.addresses[0]!,
        RIP6: far.addresses[1]!,
      },
      remoteAddresses: far.addresses,
    });
  }
}

/** Runs a line in a shell; throws what it complained about. */
export function strike(line: string, words: StageNetwork['words']): void {
  execFileSync('sh', ['-ec', line], {
    env: { ...process.env, ...words },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/** A hundred echoes a second that go on whatever happens to their interface. */
export class Ping {
  readonly #child: ChildProcess;
  #lastMs = 0;

  constructor(container: string, address: string) {
    const command = ['--net=/run/netns/'.concat(container), 'ping', '-n', '-i', '0.01', address];
    this.#child = spawn('nsenter', command, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child.stdout!.on('data', (text: Buffer) => {
      if (text.includes('bytes from')) this.#lastMs = performance.now();
    });
  }

  /** Resolves when an answer has come after `sinceMs` (of performance.now()). */
  async answered(sinceMs: number): Promise<void> {
    while (this.#lastMs <= sinceMs) await sleep(5);
  }

  stop(): void {
    this.#child.kill('SIGTERM');
  }
}

export function readMetrics(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ socketPath, path: '/metrics' }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve(text));
    });
    request.on('error', reject);
  });
}

const run = promisify(execFile);

/** Empty when the namespace is gone. */
async function lookInto(namespace: string, isOverlay: boolean): Promise<string> {
  const witnesses = isOverlay
    ? ['ip -d -j addr', 'bridge -j fdb', 'ip -j neigh show nud permanent']
    : ['ip -d -j addr', 'ip -j -4 route show table all', 'ip -j -6 route show table all'];
  const sysctls =
    'cd /proc/sys/net/ipv6/conf; for d in *; do echo $d $(cat $d/disable_ipv6 $d/addr_gen_mode $d/accept_ra); done';
  const script = [...witnesses.map((line) => `${line}; echo`), sysctls].join('\n');
  try {
    const { stdout } = await run('nsenter', [`--net=/run/netns/${namespace}`, 'sh', '-c', script]);
    return tidy(stdout, isOverlay);
  } catch {
    return '';
  }
}

interface Row {
  readonly ifname?: string;
  readonly address?: string;
  readonly mac?: string;
  readonly state?: string;
}

/** What is told of a link, an address, a route, a neighbour, an FDB row: all that matters to a frame. */
const FIELDS = [
  ...[
    'ifname',
    'flags',
    'mtu',
    'master',
    'inet6_addr_gen_mode',
    'linkinfo',
    'info_kind',
    'info_data',
    'info_slave_data',
  ],
  ...['stp_state', 'mcast_snooping', 'id', 'local', 'port', 'learning', 'proxy', 'l2miss', 'l3miss', 'ttl'],
  ...['state', 'hairpin', 'flood', 'mcast_flood', 'bcast_flood', 'neigh_suppress', 'isolated', 'locked'],
  ...[
    'addr_info',
    'family',
    'prefixlen',
    'nodad',
    'dst',
    'dev',
    'gateway',
    'prefsrc',
    'lladdr',
    'mac',
    'vni',
  ],
];

/** Chosen MACs change when a device is made anew, learned rows with the traffic: no damage. */
function tidy(stdout: string, isOverlay: boolean): string {
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  const tables: Row[][] = lines.flatMap((line) => (line.startsWith('[') ? [JSON.parse(line)] : []));
  const own = new Set(tables[0]!.map(({ address }) => address));
  const isLasting = ({ mac, state }: Row): boolean =>
    mac === undefined || (state !== undefined && !own.has(mac) && !/^(33:33|01:00:5e)/.test(mac));
  const fields = isOverlay ? FIELDS : [...FIELDS, 'address'];
  return [
    ...tables
      .flat()
      .filter(isLasting)
      .map((row) => JSON.stringify(row, fields)),
    ...lines.filter((line) => !line.startsWith('[')),
  ]
    .sort()
    .join('\n');
}
