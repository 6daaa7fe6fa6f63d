import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

export const ip = (...args: readonly string[]): string =>
  execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

export const bridge = (...args: readonly string[]): string =>
  execFileSync('bridge', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** `ip -n NS -d -j …` or `bridge -n NS -d -j …`: the independent witness. */
export function kernelJson<T>(program: 'ip' | 'bridge', namespace: string, ...args: readonly string[]): T[] {
  const text = execFileSync(program, ['-n', namespace, '-d', '-j', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return JSON.parse(text.trim() || '[]') as T[];
}

/**
 * The same for many at once: one process that this one starts, which is large and slow to fork, instead of dozens.
 * Throws if one of them fails.
 */
export function readKernels(questions: readonly (readonly ['ip' | 'bridge', string, string])[]): unknown[][] {
  if (questions.length === 0) return [];
  const commands = questions.map(([program, namespace, what]) => `${program} -n ${namespace} -d -j ${what}`);
  const text = execFileSync('sh', ['-ec', commands.join("\nprintf '\\036'\n")], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return text.split('\x1e').map((answer) => JSON.parse(answer.trim() || '[]'));
}

export const namespacesWith = (prefix: string): string[] =>
  (existsSync('/run/netns') ? readdirSync('/run/netns') : []).filter((name) => name.startsWith(prefix));

/** `eth0` of each in one bridge, `10.99.0.1/24` and `fd99::1/64` and onwards. */
export function wireTogether(wire: string, hosts: readonly string[]): void {
  ip('-n', wire, 'link', 'add', 'wire', 'type', 'bridge', 'mcast_snooping', '0');
  ip('-n', wire, 'link', 'set', 'wire', 'up');
  hosts.forEach((host, i) => {
    plugIn(wire, host, i);
  });
}

/** One of them, the i-th from 0. A machine has the same MAC after a boot: its neighbours would look for it else. */
export function plugIn(wire: string, host: string, i: number): void {
  const peer = ['peer', 'name', `p${i}`, 'netns', wire];
  const mac = `02:99:00:00:00:${(i + 1).toString(16).padStart(2, '0')}`;
  ip('-n', host, 'link', 'add', 'eth0', 'address', mac, 'type', 'veth', ...peer);
  ip('-n', wire, 'link', 'set', `p${i}`, 'master', 'wire', 'up');
  ip('-n', host, 'link', 'set', 'lo', 'up');
  ip('-n', host, 'link', 'set', 'eth0', 'up');
  ip('-n', host, 'address', 'add', `10.99.0.${i + 1}/24`, 'dev', 'eth0');
  ip('-n', host, 'address', 'add', `fd99::${i + 1}/64`, 'dev', 'eth0', 'nodad');
}
