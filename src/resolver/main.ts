import fs from 'node:fs';
import net from 'node:net';
import readline from 'node:readline';
import {
  type FromResolver,
  formerSocket,
  type Sandbox,
  type Sockets,
  type ToResolver,
} from '#api/names-feed.ts';
import { PROGRAM_VERSION } from '#api/version.ts';
import { close } from '#netlink/libc.ts';
import { Names } from './names.ts';
import { Predecessor } from './predecessor.ts';
import { Sandboxes } from './sandboxes.ts';
import { takeSockets } from './take-sockets.ts';

/**
 * The process that answers containers, one a host: `node resolver.js SOCKET`. The agent starts it, tells it over the
 * socket what it needs to know, and may die: it serves on. It ends by itself when nobody tells it anything and there is
 * nobody to serve.
 */

/** An agent that started us comes at once; one that was killed comes back. */
const LONELY_MS = 2_000;
/** Of many containers that come and go, the sockets are told of together. */
const GATHER_MS = 100;

const socketPath = process.argv[2];
if (socketPath === undefined) throw new Error('usage: resolver SOCKET');

/** Of another version: until we serve whom it does. */
let predecessor = await Predecessor.find(formerSocket(socketPath));
const names = new Names();
const sandboxes = new Sandboxes(
  (networks) => names.asker(networks),
  (troubles) => tell({ say: 'troubles', troubles }),
  () => tellSocketsSoon(),
  (cookie) => predecessor?.take(cookie) ?? takeHeld(cookie),
);
/** Of one that was killed: the agent kept them open, and in them what was asked since. By the cookie of their namespace. */
let held = new Map<string, Sockets>();
/** What the agent was told of our sockets; nothing before we have taken those that it held. */
let toldSockets = '';
let hasServed = false;
let telling: NodeJS.Timeout | undefined;
/** The agent: the last to come. */
let teller: net.Socket | undefined;

const server = net.createServer((socket) => {
  teller?.destroy();
  teller = socket;
  tell({ say: 'hello', version: PROGRAM_VERSION, revision: names.revision });
  tell({ say: 'troubles', troubles: sandboxes.troubles() });
  toldSockets = '';
  tellSocketsSoon();
  const lines = readline.createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY });
  // It tells its input's errors again.
  lines.on('error', () => {});
  lines.on('line', (line) => {
    // What comes with its end is what it was about to say when it died.
    if (teller === socket && !socket.readableEnded) hear(JSON.parse(line) as ToResolver);
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
  if (message.say === 'hand-over') tell({ say: 'sockets', pid: process.pid, sockets: sandboxes.sockets() });
  else if (message.say === 'held') held = takeSockets(message);
  else if (message.say === 'make-way') void sandboxes.handOver(message.taken).then(() => process.exit(0));
  else if (message.say === 'sandboxes') void serve(message.sandboxes);
  else names.hear(message);
}

async function serve(all: readonly Sandbox[]): Promise<void> {
  await sandboxes.set(all);
  for (const { udp, tcp } of held.values()) [udp, tcp].map(close);
  held.clear();
  hasServed = true;
  if (!predecessor) return;
  predecessor.dismiss(sandboxes.cookies());
  predecessor = undefined;
  fs.rmSync(formerSocket(socketPath!), { force: true });
}

/** Once: they are the caller's then. */
function takeHeld(cookie: string): Sockets | undefined {
  const sockets = held.get(cookie);
  held.delete(cookie);
  return sockets;
}

/** The agent holds them, too. */
function tellSocketsSoon(): void {
  if (telling) return;
  telling = setTimeout(() => {
    telling = undefined;
    const sockets = sandboxes.sockets();
    const text = JSON.stringify(sockets);
    if (!hasServed || text === toldSockets) return;
    toldSockets = text;
    tell({ say: 'sockets', pid: process.pid, sockets });
  }, GATHER_MS);
}

/** Takes the socket's name away, so not where another has it by now. */
async function end(): Promise<void> {
  server.close();
  await sandboxes.close();
  process.exit(0);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end());

setInterval(() => {
  if (!teller && sandboxes.size === 0) void end();
}, LONELY_MS);

// Taken over from a dead one: only the agent starts us, and only when nobody answers there.
fs.rmSync(socketPath, { force: true });
process.umask(0o177);
server.listen(socketPath);
