// Asks for each name every so many ms, each time from a socket of its own and never twice, until its input ends.
const dgram = require('node:dgram');

const PATIENCE_MS = 4000;
const queryFor = (name) =>
  Buffer.concat([
    // One question, recursion desired.
    Buffer.from('123401000001000000000000', 'hex'),
    ...name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]),
    Buffer.from('0000010001', 'hex'),
  ]);
const [everyMs, ...names] = process.argv.slice(2);
const queries = names.map((name) => [name, queryFor(name)]);
const counts = { asked: 0, answered: 0, slowestMs: 0, failed: {} };
let open = 0;

function ask([name, query]) {
  const socket = dgram.createSocket('udp4');
  const since = performance.now();
  counts.asked++;
  open++;
  const end = (failed) => {
    clearTimeout(timer);
    socket.close();
    open--;
    counts.slowestMs = Math.max(counts.slowestMs, performance.now() - since);
    const what = `${name}: ${failed}`;
    if (failed) counts.failed[what] = (counts.failed[what] ?? 0) + 1;
    else counts.answered++;
  };
  const timer = setTimeout(() => end('lost'), PATIENCE_MS);
  socket.once('error', ({ code }) => end(code));
  socket.once('message', (answer) => end(answer[3] & 15 ? `code ${answer[3] & 15}` : undefined));
  // Connected, it hears of a refusal.
  socket.connect(53, '127.0.0.11', () => socket.send(query));
}

const began = performance.now();
let rounds = 0;
const timer = setInterval(() => {
  // The timer may come late, and is made up for; but not by a burst that is a flood.
  for (let i = 0; i < 20 && rounds < (performance.now() - began) / everyMs; i++, rounds++)
    queries.forEach(ask);
}, 1);
process.stdin.resume().on('end', () => {
  clearInterval(timer);
  setInterval(() => {
    if (open > 0) return;
    console.log(JSON.stringify(counts));
    process.exit();
  }, 5);
});
console.log('asking');
