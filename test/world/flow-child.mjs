// Run by flow.ts in a container's namespace: `echo ADDRESS` sends every datagram back that comes to the container's
// own address, `send ADDRESS` sends another's one a millisecond.
import dgram from 'node:dgram';
import process from 'node:process';

const PORT = 7007;
const [role, address = ''] = process.argv.slice(2);
const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');

if (role === 'echo') {
  socket.on('message', (message, { port, address: from }) => socket.send(message, port, from, () => {}));
  socket.bind(PORT, address, () => console.log('ready'));
} else {
  /** When each was sent, and how often its echo came. */
  const sentAt = [];
  const echoes = [];
  const began = performance.now();
  socket.on('message', (message) => {
    const number = message.readUInt32BE(0);
    echoes[number] = (echoes[number] ?? 0) + 1;
  });
  const sendDue = () => {
    while (sentAt.length < performance.now() - began) {
      const message = Buffer.alloc(64);
      message.writeUInt32BE(sentAt.length, 0);
      sentAt.push(performance.now());
      socket.send(message, PORT, address, () => {});
    }
  };
  let timer = setInterval(sendDue, 1);
  let from = 0;
  // Each line asks what became of all that was sent since the last one.
  process.stdin.on('data', async () => {
    clearInterval(timer);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const last = sentAt.length;
    let [lost, longestMs, twice, goneSince] = [0, 0, 0, undefined];
    for (let number = from; number <= last; number++) {
      if (number < last && !echoes[number]) {
        lost++;
        goneSince ??= sentAt[number];
      } else if (goneSince !== undefined) {
        longestMs = Math.max(longestMs, (sentAt[number] ?? sentAt[last - 1]) - goneSince);
        goneSince = undefined;
      }
      if (echoes[number] > 1) twice++;
    }
    console.log(JSON.stringify({ sent: last - from, lost, longestMs, twice }));
    from = last;
    // What was not sent while we waited is not due either.
    while (sentAt.length < performance.now() - began) {
      sentAt.push(performance.now());
      from++;
    }
    timer = setInterval(sendDue, 1);
  });
}
