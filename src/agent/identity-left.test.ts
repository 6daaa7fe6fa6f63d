import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import { openJournal } from '#store/journal.ts';
import { IDENTITY_KEY, parseJournalEntry } from './attachment.ts';
import { identityLeft } from './identity-left.ts';
import { startTwoHosts, type TestAgent } from './test-cluster.ts';
import { formatView } from './view-format.ts';

let directory: string;
let h1: TestAgent;
let h2: TestAgent;
const at = (name: string) => path.join(directory, name);

beforeEach(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-identity-'));
  const [cluster, ...hosts] = await startTwoHosts();
  [h1, h2] = hosts;
  cluster.controller.grant(createNetwork('app'));
  for (const host of hosts) await cluster.attached(host, 'app', `/c${host.name}`, 1_000);
  const journal = await openJournal(at('journal'), parseJournalEntry);
  await journal.put(IDENTITY_KEY, { entry: 'identity', host: h1.state.host });
  for (const [key, entry] of h1.journal) await journal.put(key, entry);
  await journal.close();
});
afterEach(() => fs.rmSync(directory, { recursive: true }));

function damage(text: string): void {
  const bytes = fs.readFileSync(at('journal'));
  bytes[bytes.indexOf(text)]! ^= 1;
  fs.writeFileSync(at('journal'), bytes);
}
const keepView = () => fs.writeFileSync(at('view'), Buffer.concat(formatView(h1.state.view)));

test('is read from what is left of the journal, though nothing is here', async () => {
  damage('attachment');
  await expect(openJournal(at('journal'), parseJournalEntry)).rejects.toMatchObject({ code: 'corrupt' });
  expect(await identityLeft(directory, h2.kernel)).toBe(h1.state.host);
});

test('without it, is the one host of the view of which the kernel has something', async () => {
  damage('identity');
  expect(await identityLeft(directory, h1.kernel)).toBeUndefined();
  keepView();
  expect(await identityLeft(directory, h1.kernel)).toBe(h1.state.host);
  fs.truncateSync(at('view'), 100);
  expect(await identityLeft(directory, h1.kernel)).toBeUndefined();
});

test('is not guessed of several, as where hosts share a machine', async () => {
  damage('identity');
  keepView();
  const { host } = h2.state;
  const both = {
    observe: (scope: Parameters<typeof h1.kernel.observe>[0]) => kernelOf(scope.hostTag).observe(scope),
  };
  const kernelOf = (tag: string) => (host.toLowerCase().endsWith(tag) ? h2.kernel : h1.kernel);
  expect(await identityLeft(directory, both as typeof h1.kernel)).toBeUndefined();
});
