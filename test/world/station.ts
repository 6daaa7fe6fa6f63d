import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { spawnMortal } from '#lab/machine/spawn-mortal.ts';

const PORT = 9009;
const GROUP_IPV4 = '239.9.9.9';
const GROUP_IPV6 = 'ff02::9:9';

const PROGRAM = `
const [name, ip, ...others] = process.argv.slice(1);
const dgram = require('node:dgram');
const heard = new Set();
const open = (type, address, port, set) => new Promise((done) => {
  const socket = dgram.createSocket({ type, reuseAddr: true, ipv6Only: type === 'udp6' });
  socket.on('message', (message) => heard.add(String(message)));
  socket.on('error', () => {});
  socket.bind(port, address, () => (set(socket), done(socket)));
});
(async () => {
  const udp4 = await open('udp4', '0.0.0.0', ${PORT}, (socket) => {
    socket.addMembership('${GROUP_IPV4}', ip);
    socket.setMulticastInterface(ip);
  });
  const udp6 = await open('udp6', '::', ${PORT}, (socket) => {
    socket.addMembership('${GROUP_IPV6}', '::%eth0');
    socket.setMulticastInterface('::%eth0');
  });
  // Without a route the kernel finds the device by the address from which a broadcast comes.
  const broadcast = await open('udp4', ip, 0, (socket) => socket.setBroadcast(true));
  const say = (kind, to) => (kind === 'broadcast' ? broadcast : to.includes(':') ? udp6 : udp4).send(name + ' ' + kind, ${PORT}, to, () => {});
  require('node:readline').createInterface(process.stdin).on('line', (line) => {
    if (line === 'forget') heard.clear();
    else if (line === 'tell') console.log(JSON.stringify([...heard].sort()));
    else {
      say('broadcast', '255.255.255.255');
      say('IPv4 multicast', '${GROUP_IPV4}');
      say('IPv6 multicast', '${GROUP_IPV6}%eth0');
      for (const other of others) say(other.includes(':') ? 'IPv6 unicast' : 'IPv4 unicast', other);
    }
  });
  console.log('ready');
})();
`;

/** All the ways in which a station speaks. */
export const KINDS = ['IPv4 multicast', 'IPv4 unicast', 'IPv6 multicast', 'IPv6 unicast', 'broadcast'];

/** A program in a container that shouts its name in every way there is, and notes whom it hears. */
export class Station {
  readonly name: string;
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  /** `ip` is the container's own IPv4 address; `others` are spoken to one by one. */
  constructor(ns: string, name: string, ip: string, others: readonly string[]) {
    this.name = name;
    const command = [
      'nsenter',
      `--net=/run/netns/${ns}`,
      process.execPath,
      '-e',
      PROGRAM,
      name,
      ip,
      ...others,
    ];
    this.child = spawnMortal(command, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  async ready(): Promise<void> {
    await this.lines.next();
  }

  forget(): void {
    this.child.stdin!.write('forget\n');
  }

  speak(): void {
    this.child.stdin!.write('speak\n');
  }

  /** Each as `name kind`, sorted, without itself. */
  async heard(): Promise<string[]> {
    this.child.stdin!.write('tell\n');
    const { value } = await this.lines.next();
    return (JSON.parse(value) as string[]).filter((word) => !word.startsWith(`${this.name} `));
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}
