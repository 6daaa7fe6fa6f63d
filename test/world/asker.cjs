// Asks by c-ares, which is not the C library's resolver: a line a question, `TYPE NAME`, a line an answer, JSON.
const { Resolver } = require('node:dns').promises;
// It waits no longer than its server usually takes, and asks again, as any resolver does.
const resolver = new Resolver({ timeout: 1000, tries: 3 });
resolver.setServers(['127.0.0.11']);
require('node:readline')
  .createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const [type, name] = line.split(' ');
    const answer = await resolver.resolve(name, type).catch(({ code }) => code);
    console.log(JSON.stringify([line, answer]));
  });
console.log('ready');
