import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { waitForChild } from './exec.ts';
import { LabError } from './lab-error.ts';
import { isAlive, type ProcessRef, processRef, stopProcesses } from './processes.ts';
import { weftCommand } from './program.ts';

/**
 * A lab without root lives in user, network and mount namespaces of its own, in which this user is root. A *holder*,
 * a process that only sleeps, keeps them alive; every `weft lab` command enters them and runs there as it is.
 */

/** linux/capability.h: what the lab needs. */
const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;

/** Whether this process may make namespaces and links, and keep their names under /run. */
export function isPrivileged(): boolean {
  if (!isWritable('/run')) return false;
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'));
  const effective = BigInt(`0x${line?.[1] ?? '0'}`);
  return [CAP_NET_ADMIN, CAP_SYS_ADMIN].every((capability) => (effective >> capability) & 1n);
}

function isWritable(directory: string): boolean {
  try {
    fs.accessSync(directory, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Undefined when there is no holder, or the one on record has ended. */
export function findHolder(lab: string): ProcessRef | undefined {
  try {
    const holder = JSON.parse(fs.readFileSync(recordFile(lab), 'utf8')) as ProcessRef;
    return isAlive(holder) ? holder : undefined;
  } catch {
    return undefined;
  }
}

/**
 * /run is a tmpfs of its own there: names of namespaces, sockets and state collide with nobody's. The holder waits for
 * a line on its input, and ends without one: should we die before it is on record, it is gone too.
 */
const HOLD = 'mount -t tmpfs -o mode=755 tmpfs /run && echo ready && read -r _ && exec sleep infinity';

export async function startHolder(lab: string): Promise<ProcessRef> {
  const child = spawn('unshare', ['--user', '--map-root-user', '--net', '--mount', 'sh', '-c', HOLD], {
    detached: true,
    stdio: 'pipe',
    cwd: '/',
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const ready = await Promise.race([
    once(child.stdout, 'data').then(() => true),
    once(child, 'close').then(() => false),
  ]);
  if (!ready) throw refused(said.trim());
  const holder = processRef(child.pid!)!;
  fs.mkdirSync(recordDirectory(), { recursive: true, mode: 0o700 });
  fs.writeFileSync(recordFile(lab), JSON.stringify(holder));
  child.stdin.end('\n');
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr])
    (stream as unknown as { unref(): void }).unref();
  return holder;
}

/** Runs this same command line inside, with this terminal; gives its exit code. */
export function runInside(holder: ProcessRef): Promise<number> {
  const [file, args] = weftCommand(...process.argv.slice(2));
  const child = spawn(
    'nsenter',
    [
      ...['--target', String(holder.pid), '--user', '--net', '--mount', '--preserve-credentials'],
      `--wd=${process.cwd()}`,
      ...['--', file, ...args],
    ],
    { stdio: 'inherit' },
  );
  return waitForChild(child, 'nsenter');
}

/** Whether there is something of the lab inside. */
export const holdsLab = (holder: ProcessRef, directory: string): boolean =>
  fs.existsSync(`/proc/${holder.pid}/root${directory}`);

/** With it go the namespaces and all that is in them. */
export async function stopHolder(lab: string, holder: ProcessRef): Promise<void> {
  await stopProcesses([holder]);
  fs.rmSync(recordFile(lab), { force: true });
  try {
    fs.rmdirSync(recordDirectory());
  } catch {
    // Another lab's record is there.
  }
}

const recordFile = (lab: string): string => path.join(recordDirectory(), `${lab}.json`);

/** The user's own runtime directory, else a directory in /tmp that nobody else can have made. */
function recordDirectory(): string {
  const uid = process.getuid!();
  const { XDG_RUNTIME_DIR: runtime } = process.env;
  if (runtime && ownedBy(runtime, uid)) return path.join(runtime, 'weft-lab');
  const directory = path.join(os.tmpdir(), `weft-lab-${uid}`);
  if (fs.existsSync(directory) && !ownedBy(directory, uid))
    throw new LabError(
      `${directory} belongs to another user`,
      'set XDG_RUNTIME_DIR to a directory of your own',
    );
  return directory;
}

function ownedBy(directory: string, uid: number): boolean {
  const stat = fs.lstatSync(directory, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === uid;
}

const refused = (said: string): LabError =>
  new LabError(
    `without root the lab needs a user namespace of its own, and the kernel refuses one: ${said}`,
    'run it as root (sudo), or allow user namespaces: sysctl user.max_user_namespaces, ' +
      'kernel.unprivileged_userns_clone (Debian), kernel.apparmor_restrict_unprivileged_userns (Ubuntu)',
  );
