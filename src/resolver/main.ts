import fs from 'node:fs';
import net from 'node:net';
import readline from 'node:readline';
import type { FromResolver, ToResolver } from '#api/names-feed.ts';
import { PROGRAM_VERSION } from '#api/version.ts';
import { Names } from './names.ts';
import { Sandboxes } from './sandboxes.ts';

/**
 * The process that answers containers, one a host: `node resolver.js SOCKET`. The agent starts it, tells it over the
 * socket what it needs to know, and may die: it serves on. It ends by itself when nobody tells it anything and there is
 * nobody to serve.
 */

/** An agent that started us comes at once; one that was killed comes back. */
const LONELY_MS = 2_000;

const socketPath = process.argv[2];
if (socketPath === undefined) throw new Error('usage: resolver SOCKET');

const names = new Names();
const sandboxes = new Sandboxes(
  (networks) => names.asker(networks),
  (troubles) => tell({ say: 'troubles', troubles }),
);
/** The agent: the last to come. */
let teller: net.Socket | undefined;

const server = net.createServer((socket) => {
  teller?.destroy();
  teller = socket;
  tell({ say: 'hello', version: PROGRAM_VERSION, revision: names.revision });
  tell({ say: 'troubles', troubles: sandboxes.troubles() });
  const lines = readline.createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY });
  // It tells its input's errors again.
  lines.on('error', () => {});
  lines.on('line', (line) => {
    if (teller === socket) hear(JSON.parse(line) as ToResolver);
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    if (teller !== socket) return;
    teller = undefined;
    names.loseTeller();
  });
});

function tell(message: FromResolver): void {
  if (teller && !teller.destroyed) teller.write(`${JSON.stringify(message)}\n`);
}

function hear(message: ToResolver): void {
  if (message.say === 'make-way') void end('leave');
  else if (message.say === 'sandboxes') sandboxes.set(message.sandboxes);
  else names.hear(message);
}

async function end(rules: 'remove' | 'leave'): Promise<void> {
  server.close();
  // The name in the file system may be another's by now.
  await sandboxes.close(rules);
  process.exit(0);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end('remove'));

setInterval(() => {
  if (!teller && sandboxes.size === 0) void end('remove');
}, LONELY_MS);

// Taken over from a dead one: only the agent starts us, and only when nobody answers there.
fs.rmSync(socketPath, { force: true });
process.umask(0o177);
server.listen(socketPath);
