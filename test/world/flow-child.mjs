// Run by flow.ts in a container's namespace: `echo ADDRESS` sends every datagram back that comes to the container's
// own address, `send ADDRESS` sends another's one a millisecond.
import dgram from 'node:dgram';
import process from 'node:process';

const PORT = 7007;
/** No more are on their way: of a process that gets no time for a while the kernel keeps some 270. */
const WINDOW = 128;
/** What was not answered by then never will be. */
const LATE_MS = 2_000;
const [role, address = ''] = process.argv.slice(2);
const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');

if (role === 'echo') {
  socket.on('message', (message, { port, address: from }) => socket.send(message, port, from, () => {}));
  socket.bind(PORT, address, () => console.log('ready'));
} else {
  /** When each was sent, and how often its echo came. */
  const sentAt = [];
  const echoes = [];
  let [onTheWay, oldest, due] = [0, 0, 0];
  const began = performance.now();
  socket.on('message', (message) => {
    const number = message.readUInt32BE(0);
    if (!echoes[number] && number >= oldest) onTheWay--;
    echoes[number] = (echoes[number] ?? 0) + 1;
  });
  const sendDue = () => {
    const now = performance.now();
    for (; sentAt[oldest] < now - LATE_MS; oldest++) if (!echoes[oldest]) onTheWay--;
    for (; due < now - began; due++) {
      if (onTheWay >= WINDOW) continue;
      const message = Buffer.alloc(64);
      message.writeUInt32BE(sentAt.length, 0);
      sentAt.push(performance.now());
      onTheWay++;
      socket.send(message, PORT, address, () => {});
    }
  };
  setInterval(sendDue, 1);
  let from = 0;
  // Each line asks what became of all that was sent since the last one.
  process.stdin.on('data', async () => {
    const last = sentAt.length;
    for (const deadline = performance.now() + LATE_MS; performance.now() < deadline; ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      let answered = from;
      while (answered < last && echoes[answered]) answered++;
      if (answered === last) break;
    }
    let [lost, longestMs, twice, goneSince] = [0, 0, 0, undefined];
    for (let number = from; number < last; number++) {
      if (echoes[number] > 1) twice++;
      if (!echoes[number]) {
        lost++;
        goneSince ??= sentAt[number];
      } else if (goneSince !== undefined) {
        longestMs = Math.max(longestMs, sentAt[number] - goneSince);
        goneSince = undefined;
      }
    }
    if (goneSince !== undefined) longestMs = Math.max(longestMs, sentAt[last - 1] - goneSince);
    console.log(JSON.stringify({ sent: last - from, lost, longestMs, twice }));
    from = last;
  });
}
