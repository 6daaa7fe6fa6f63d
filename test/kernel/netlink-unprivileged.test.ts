import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, expect, test } from 'vitest';
import { run } from './netlink-lab.ts';

/** Beside node_modules, so that the bundle finds koffi. */
const cache = new URL('../../node_modules/.cache', import.meta.url).pathname;
mkdirSync(cache, { recursive: true });
const directory = mkdtempSync(join(cache, 'netlink-'));
chmodSync(directory, 0o755);
afterAll(() => rmSync(directory, { recursive: true }));

const SCRIPT = `
  import { createNamedNamespace, deleteNamedNamespace } from './src/netlink/named-namespace.ts';
  import { openNamespace } from './src/netlink/open-namespace.ts';
  import { openConversation } from './src/netlink/conversation.ts';
  import { encodeNewLink } from './src/netlink/route/link.ts';
  createNamedNamespace('inner');
  const { fd } = openNamespace('/run/netns/inner');
  openConversation(fd).request(encodeNewLink({ name: 'br0', kind: 'bridge', up: true }));
  console.log(execFileSync('ip', ['-o', '-n', 'inner', 'link']).toString());
  await deleteNamedNamespace('inner');
  console.log('left: ' + execFileSync('ip', ['netns', 'list']).toString());
`;

test('a user without root makes namespaces and links inside a user and mount namespace of its own', () => {
  const outfile = join(directory, 'inner.mjs');
  buildSync({
    stdin: {
      contents: `import { execFileSync } from 'node:child_process';${SCRIPT}`,
      resolveDir: new URL('../..', import.meta.url).pathname,
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
    outfile,
  });
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const inside = `mount -t tmpfs tmpfs /run && exec node ${outfile}`;
  const output = run(
    'setpriv',
    ...nobody,
    'unshare',
    '--user',
    '--map-root-user',
    '--net',
    '--mount',
    'sh',
    '-c',
    inside,
  );
  expect(output).toMatch(/br0: <BROADCAST,MULTICAST,UP/);
  expect(output).toMatch(/left: $/m);
});
