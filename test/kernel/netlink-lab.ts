import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { type Conversation, openConversation } from '#netlink/conversation.ts';
import { inNamespace } from '#netlink/namespace.ts';
import { decodeLink, encodeGetLink, type Link } from '#netlink/route/link.ts';

/** A namespace made by ip(8), with a conversation in it. */
export interface TestNamespace {
  name: string;
  fd: number;
  conversation: Conversation;
  /** `ip -j -d -n NAME …`, the independent witness. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON of ip(8)
  ip(...words: string[]): any;
  /** `bridge -j -d -n NAME …` */
  // biome-ignore lint/suspicious/noExplicitAny: JSON of bridge(8)
  bridge(...words: string[]): any;
  link(name: string): Link;
}

let made = 0;

/** Runs `test` with fresh namespaces that are gone afterwards, whatever happens; checks that no fd is left open. */
export async function withNamespaces(
  count: number,
  test: (...namespaces: TestNamespace[]) => void | Promise<void>,
): Promise<void> {
  warmUp();
  const before = openDescriptors();
  const namespaces: TestNamespace[] = [];
  try {
    for (let i = 0; i < count; i++) namespaces.push(makeNamespace());
    await test(...namespaces);
  } finally {
    for (const { name, fd, conversation } of namespaces) {
      conversation.close();
      closeSync(fd);
      run('ip', 'netns', 'del', name);
    }
  }
  await expect.poll(() => openedSince(before), { timeout: 10_000 }).toEqual([]);
}

/** Some are closed off this thread, and 100 ms later (closeFilter() in netlink/socket.ts). */
export async function descriptorsAtRest(): Promise<string[]> {
  await sleep(200);
  return openDescriptors();
}

export const openedSince = (before: readonly string[]): string[] =>
  openDescriptors().filter((descriptor) => !before.includes(descriptor));

/** The room keeps one descriptor for good, that of the home namespace: let it be open before we count. */
function warmUp(): void {
  const fd = openSync('/proc/thread-self/ns/net', 'r');
  inNamespace(fd, () => {});
  closeSync(fd);
}

function makeNamespace(): TestNamespace {
  const name = `nl-test-${process.pid}-${made++}`;
  run('ip', 'netns', 'add', name);
  const fd = openSync(`/run/netns/${name}`, 'r');
  const conversation = openConversation(fd);
  return {
    name,
    fd,
    conversation,
    ip: (...words) => json(run('ip', '-j', '-d', '-n', name, ...words)),
    bridge: (...words) => json(run('bridge', '-j', '-d', '-n', name, ...words)),
    link: (link) => decodeLink(conversation.ask(encodeGetLink({ name: link }))),
  };
}

/** "12 → socket:[345]" for each open descriptor, those of the observer itself aside. */
export function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return /^(socket|net|mnt|uts|\/run\/netns)/.test(target) ? [`${fd} → ${target}`] : [];
    } catch {
      return [];
    }
  });
}

export function run(command: string, ...words: string[]): string {
  return execFileSync(command, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function json(text: string): unknown {
  return text.trim() === '' ? [] : JSON.parse(text);
}
