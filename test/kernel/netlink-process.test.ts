import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, expect, test } from 'vitest';
import { run, withNamespaces } from './netlink-lab.ts';

/** Beside node_modules, so that the bundle finds koffi. */
const cache = new URL('../../node_modules/.cache', import.meta.url).pathname;
mkdirSync(cache, { recursive: true });
const directory = mkdtempSync(join(cache, 'netlink-'));
chmodSync(directory, 0o755);
afterAll(() => rmSync(directory, { recursive: true }));

/** Bundles a script of `src/netlink` for a process of its own. */
function bundle(name: string, contents: string): string {
  const outfile = join(directory, `${name}.mjs`);
  const resolveDir = new URL('../../src/netlink', import.meta.url).pathname;
  const stdin = { contents, resolveDir, loader: 'ts' } as const;
  buildSync({ stdin, bundle: true, platform: 'node', format: 'esm', external: ['koffi'], outfile });
  return outfile;
}

test('a user without root makes namespaces and links inside a user and mount namespace of its own', () => {
  const script = bundle(
    'inner',
    `
    import { execFileSync } from 'node:child_process';
    import { createNamedNamespace, deleteNamedNamespace } from './named-namespace.ts';
    import { openNamespace } from './open-namespace.ts';
    import { openConversation } from './conversation.ts';
    import { encodeNewLink } from './route/link.ts';
    createNamedNamespace('inner');
    const { fd } = openNamespace('/run/netns/inner');
    openConversation(fd).request(encodeNewLink({ name: 'br0', kind: 'bridge', up: true }));
    console.log(execFileSync('ip', ['-o', '-n', 'inner', 'link']).toString());
    await deleteNamedNamespace('inner');
    console.log('left: ' + execFileSync('ip', ['netns', 'list']).toString());
    `,
  );
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const inside = `mount -t tmpfs tmpfs /run && exec node ${script}`;
  const apart = ['unshare', '--user', '--map-root-user', '--net', '--mount', 'sh', '-c', inside];
  const output = run('setpriv', ...nobody, ...apart);
  expect(output).toMatch(/br0: <BROADCAST,MULTICAST,UP/);
  expect(output).toMatch(/left: $/m);
});

test('a process that cannot come home ends at once', () =>
  withNamespaces(1, ({ name }) => {
    const script = bundle(
      'lost',
      `
      import { openSync } from 'node:fs';
      import { inNamespace } from './namespace.ts';
      console.log('leaving');
      inNamespace(openSync('/run/netns/${name}', 'r'), () => process.seteuid(65534));
      console.log('went on');
      `,
    );
    const { stdout, signal } = spawnSync('prlimit', ['--core=0', 'node', script], { encoding: 'utf8' });
    expect({ stdout, signal }).toEqual({ stdout: 'leaving\n', signal: 'SIGABRT' });
  }));
