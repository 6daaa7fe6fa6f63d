import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { until } from '../until.ts';
import { CGROUPS, removeCgroups } from './cgroups.ts';
import { MortalDaemon, signalIfThere } from './mortal-daemon.ts';

const run = promisify(execFile);

export interface MachineOptions {
  /** The network namespace that is the machine. */
  readonly namespace: string;
  /** What outlives a boot: `etc`, over this machine's own, and `weft`, its /var/lib/weft. */
  readonly directory: string;
}

/**
 * A machine that is a network namespace, with mounts, processes, a host name and a boot id of its own. All that runs
 * in it sees the same /run, /etc and /var/lib, and ends with it; and it ends with the test, however that ends.
 */
export class Machine {
  readonly namespace: string;
  readonly directory: string;
  private readonly init: MortalDaemon;
  private readonly daemons: MortalDaemon[] = [];

  constructor({ namespace, directory }: MachineOptions) {
    this.namespace = namespace;
    this.directory = directory;
    for (const name of ['cgroup', 'etc', 'etc-work', 'weft'])
      mkdirSync(path.join(directory, name), { recursive: true });
    // Nobody there: what this machine's resolver is cannot be reached from here, and would be waited for.
    writeFileSync(path.join(directory, 'etc/resolv.conf'), 'nameserver 127.0.0.1\n');
    const apart = ['unshare', ...['--mount', '--uts', '--pid', '--fork', '--kill-child']];
    this.init = new MortalDaemon(
      [
        ...['nsenter', `--net=/run/netns/${namespace}`, ...apart, '--propagation', 'private'],
        ...['sh', '-uc', INIT, 'init', namespace, directory],
      ],
      path.join(directory, 'init.log'),
    );
  }

  /** With an empty /run and a boot id of its own. */
  async boot(): Promise<void> {
    writeFileSync(path.join(this.directory, 'boot_id'), `${randomUUID()}\n`);
    this.init.start();
    await until(`${this.namespace} has booted`, async () => existsSync(this.inside('/run/booted')));
  }

  /** Like a power cut: every process ends at once, and what was mounted is gone. Nothing if it is off. */
  async cutPower(): Promise<void> {
    await this.init.stop('SIGKILL');
    for (const daemon of this.daemons) await daemon.stop('SIGKILL');
    await until(`the cgroups of ${this.namespace} are empty`, async () => {
      removeCgroups(this.namespace);
      return true;
    });
  }

  get isOn(): boolean {
    return this.init.isRunning;
  }

  /** A path of the machine, as this process can open it. */
  inside(at: string): string {
    return path.join(`/proc/${this.initPid}/root`, at);
  }

  /** Runs in it; as a process of its own, which its `init` reaps. */
  command(...words: readonly string[]): string[] {
    return ['nsenter', '-t', `${this.initPid}`, '--mount', '--uts', '--pid', '--net', '--', ...words];
  }

  /** What a command in it prints, without the last line's end. Throws with what it says. */
  async exec(...words: readonly string[]): Promise<string> {
    const [file, ...args] = this.command(...words);
    const { stdout } = await run(file!, args, { maxBuffer: 64 << 20 });
    return stdout.trimEnd();
  }

  /** A process of it that can be killed alone and started again, also after the next boot. */
  daemon(
    name: string,
    command: () => readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): MortalDaemon {
    const log = path.join(this.directory, `${name}.log`);
    const daemon = new MachineDaemon(() => this.command(...command()), log, env);
    this.daemons.push(daemon);
    return daemon;
  }

  private get initPid(): number {
    const [pid] = childrenOf(this.init.pid);
    if (!pid) throw new Error(`${this.namespace} is not up: ${this.init.said()}`);
    return pid;
  }
}

/** Of the two processes it consists of, nsenter and who runs inside, the latter is meant. */
class MachineDaemon extends MortalDaemon {
  override get pid(): number {
    return childrenOf(super.pid)[0] ?? super.pid;
  }

  /** nsenter stops and goes on with its child, and reaps nobody while it is stopped. */
  override thaw(): void {
    process.kill(super.pid, 'SIGCONT');
    super.thaw();
  }

  override async stop(signal?: NodeJS.Signals): Promise<void> {
    const ended = super.stop(signal);
    if (this.isRunning) signalIfThere(super.pid, 'SIGCONT');
    await ended;
  }
}

/**
 * /sys and /proc of its own network and processes, with this machine's cgroups; a /run that nobody else sees; an /etc
 * and a /var/lib that outlive it. Then it stays, and reaps whom nobody else does.
 */
const INIT = `
hostname "$1" &&
mount --rbind ${CGROUPS} "$2/cgroup" &&
mount -t sysfs sysfs /sys &&
mount --rbind "$2/cgroup" ${CGROUPS} &&
mount -t proc proc /proc &&
mount --bind "$2/boot_id" /proc/sys/kernel/random/boot_id &&
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$2/etc,workdir=$2/etc-work" /etc &&
mount -t tmpfs tmpfs /var/lib &&
mkdir /var/lib/weft &&
mount --bind "$2/weft" /var/lib/weft &&
mount -t tmpfs -o mode=755 tmpfs /run &&
mkdir -p /run/docker/plugins /run/netns &&
mount --make-rshared / &&
: >/run/booted || exit
while :; do sleep 1000; done
`;

/** Of one of its threads: by default of its first. None of one that has just ended. */
export function childrenOf(pid: number, thread = pid): number[] {
  try {
    const pids = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8');
    return pids.trim().split(/\s+/).filter(Boolean).map(Number);
  } catch (error) {
    if (/ENOENT|ESRCH/.test((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}
