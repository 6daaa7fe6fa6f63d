// A hostile container: rubbish and questions that nobody answers, as fast as it can, and connections that say nothing.
const dgram = require('node:dgram');
const net = require('node:net');
const crypto = require('node:crypto');
const SERVER = '127.0.0.11';
const socket = dgram.createSocket('udp4');
socket.on('error', () => {});
const header = Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
const outside = Buffer.concat([header, Buffer.from('\x07nowhere\x04test\0\0\x01\0\x01', 'latin1')]);
function burst() {
  for (let i = 0; i < 64; i++) {
    const rubbish =
      i % 2 ? crypto.randomBytes(1 + (i % 40)) : Buffer.concat([header, crypto.randomBytes(20)]);
    socket.send(i % 8 ? rubbish : outside, 53, SERVER, () => {});
  }
  setImmediate(burst);
}
burst();
for (let i = 0; i < 200; i++) {
  const idle = net.connect(53, SERVER);
  idle.on('error', () => {}).write(i % 2 ? Buffer.from([0xff]) : crypto.randomBytes(5000));
}
console.log('ready');
