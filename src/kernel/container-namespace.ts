import { readdirSync, statSync } from 'node:fs';
import { type Fault, fault, type Rejection, reject } from '#model/fault.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { isOverlayNamespace } from '#model/own.ts';
import { close } from '#netlink/libc.ts';
import { NAMESPACE_DIRECTORY } from '#netlink/named-namespace.ts';
import { fromSystemError, NetlinkError } from '#netlink/netlink-error.ts';
import { type NamespaceRefusal, openNamespace } from '#netlink/open-namespace.ts';

/**
 * The container namespace that a person means by a name (`ip netns` or Podman), an absolute path or a pid. It is opened
 * once and let go again; what is kept tells at each later use whether it is still the same. Rejected as `absent` when
 * there is none, as `invalid` when it is no namespace in which a container of Weft's can be, and as `unavailable` when that
 * cannot be found out now.
 */
export function resolveNamespace(text: string): NamespaceRef | Rejection {
  try {
    return resolve(text);
  } catch (error) {
    const known = fromSystemError(error, `look at ${text}`);
    if (!(known instanceof NetlinkError)) throw error;
    return reject('unavailable', faultOf(text, [`cannot be looked at: ${known.message}`, NO_FILES]));
  }
}

function resolve(text: string): NamespaceRef | Rejection {
  const path = pathOf(text);
  if (path === undefined) return reject('invalid', faultOf(text, NO_PATH));
  const opened = openNamespace(path);
  if (typeof opened === 'string') {
    const reason = { 'not-found': 'absent', permission: 'forbidden' } as const;
    return reject(reason[opened as keyof typeof reason] ?? 'invalid', faultOf(text, REFUSALS[opened]));
  }
  close(opened.fd);
  const { dev, inode, cookie } = opened;
  if (isSame('/proc/thread-self/ns/net', opened)) return reject('invalid', faultOf(text, OWN));
  const overlay = overlayNames().find((name) => isSame(`${NAMESPACE_DIRECTORY}/${name}`, opened));
  if (overlay) return reject('invalid', faultOf(text, OVERLAY));
  return { path, dev, inode, cookie };
}

/** Only digits are a pid; a namespace of such a name can be given by its path. */
function pathOf(text: string): string | undefined {
  if (text.includes('\0')) return undefined;
  if (text.startsWith('/')) return text;
  if (/^\d{1,10}$/.test(text)) return `/proc/${text}/ns/net`;
  return text === '' || text.includes('/') || text === '.' || text === '..'
    ? undefined
    : `${NAMESPACE_DIRECTORY}/${text}`;
}

type Wrong = readonly [problem: string, fix: string];
const faultOf = (text: string, [problem, fix]: Wrong): Fault => fault('namespace', text, problem, fix);

const NO_PATH: Wrong = [
  'is neither a name, nor an absolute path, nor a pid',
  `give a name under ${NAMESPACE_DIRECTORY}, a path such as ${NAMESPACE_DIRECTORY}/c1, or a process id`,
];
const OWN: Wrong = ['is the network namespace of the agent itself', 'give that of the container'];
const OVERLAY: Wrong = ['is a namespace that Weft keeps a network in', 'give that of the container'];
const NO_FILES =
  'where it says EMFILE, raise the agent’s limit of open files (LimitNOFILE); else see its log';
const REFUSALS: Readonly<Record<NamespaceRefusal, Wrong>> = {
  'not-found': [
    'does not exist',
    '`ip netns` lists names; a container that has ended has no namespace any more',
  ],
  'not-a-namespace': ['is not a namespace', `give one such as ${NAMESPACE_DIRECTORY}/c1 or /proc/PID/ns/net`],
  'other-namespace-type': [
    'is a namespace, but not a network namespace',
    'give /proc/PID/ns/net, not mnt or pid',
  ],
  permission: ['may not be entered', 'run the agent as root, or in the user namespace that owns it'],
};

function isSame(path: string, { dev, inode }: { dev: number; inode: number }): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  return there?.dev === dev && there.ino === inode;
}

/** How coarse a file's times are: what changes within it looks unchanged. */
const MTIME_GRAIN_MS = 50;
let listed: { readonly mtimeMs: number; readonly names: readonly string[] } | undefined;

/**
 * Of any host: several can share a machine. Read anew only when a name has come or gone, as there can be many. Throws
 * NetlinkError where they cannot be listed.
 */
export function overlayNames(): readonly string[] {
  const mtimeMs = statSync(NAMESPACE_DIRECTORY, { throwIfNoEntry: false })?.mtimeMs;
  if (mtimeMs === undefined) return [];
  if (listed?.mtimeMs === mtimeMs) return listed.names;
  try {
    const names = readdirSync(NAMESPACE_DIRECTORY).filter(isOverlayNamespace);
    listed = Date.now() - mtimeMs > MTIME_GRAIN_MS ? { mtimeMs, names } : undefined;
    return names;
  } catch (error) {
    throw fromSystemError(error, `read ${NAMESPACE_DIRECTORY}`);
  }
}
