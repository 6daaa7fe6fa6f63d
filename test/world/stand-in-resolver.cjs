// Plays a runtime's resolver in a container's namespace, as Docker's does: on a port of its own, UDP and TCP, to which a
// rule of its own leads. Knows `outside.test`, and `big.test` with more addresses than fit into a datagram; says how
// often it was asked for each name.
const dgram = require('node:dgram');
const net = require('node:net');
const dns = require('dns-packet');

const ADDRESSES = {
  'outside.test': ['192.0.2.1'],
  'big.test': Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`),
};
const asked = {};

function answer(query, limit) {
  const { id, questions } = dns.decode(query);
  const [{ name, type }] = questions;
  asked[name] = (asked[name] ?? 0) + 1;
  process.send?.(asked);
  const data = ADDRESSES[name];
  const answers = (type === 'A' ? (data ?? []) : []).map((ip) => ({ name, type: 'A', ttl: 5, data: ip }));
  const flags = dns.RECURSION_AVAILABLE | (data ? 0 : 3);
  const whole = dns.encode({ type: 'response', id, flags, questions, answers });
  if (whole.length <= limit) return whole;
  return dns.encode({ type: 'response', id, flags: flags | dns.TRUNCATED_RESPONSE, questions, answers: [] });
}

const udp = dgram.createSocket('udp4', (query, { port, address }) =>
  udp.send(answer(query, 512), port, address),
);
const tcp = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', (data) => {
    const response = answer(data.subarray(2), 65535);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(response.length);
    socket.end(Buffer.concat([length, response]));
  });
});
udp.bind(0, '127.0.0.11', () =>
  tcp.listen(0, '127.0.0.11', () => console.log(JSON.stringify([udp.address().port, tcp.address().port]))),
);
