import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { EndpointJson } from './api.ts';
import { bridge, ip } from './namespaces.ts';

/**
 * The manual answer to misses, as a script does it: `ip monitor` tells what the VXLAN device of a namespace misses, and
 * the rows are typed. The question itself is lost.
 */
export function handleMisses(
  ns: string,
  behind: readonly (Pick<EndpointJson, 'mac' | 'addresses'> & { vtep: string })[],
): ChildProcess {
  const monitor = spawn('ip', ['-n', ns, 'monitor', 'neigh'], { stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface({ input: monitor.stdout }).on('line', (line) => {
    const [, lladdr, missed] = /^miss (lladdr )?(\S+) /.exec(line.replace('dev vxlan0 ', '')) ?? [];
    const found = behind.find(({ mac, addresses }) =>
      lladdr ? mac === missed : addresses.includes(missed ?? ''),
    );
    if (!found) return;
    bridge('-n', ns, 'fdb', 'replace', found.mac, 'dev', 'vxlan0', 'dst', found.vtep);
    if (!lladdr)
      ip('-n', ns, 'neigh', 'replace', missed!, 'lladdr', found.mac, 'dev', 'vxlan0', 'nud', 'permanent');
  });
  return monitor;
}
