import { HOST_NAMESPACE, type NamespaceName } from './kernel-state.ts';

/**
 * Which container namespace was meant. Paths and pids are used again by others, inodes too; the cookie
 * (SO_NETNS_COOKIE) is never given twice until reboot. The namespace is opened anew at each use and compared.
 */
export interface NamespaceRef {
  readonly path: NamespaceName;
  readonly dev: number;
  readonly inode: number;
  /** Decimal text: 64 bits. */
  readonly cookie: string;
}

/** The host's own, where its interface in a network is that is exposed on it. */
export const HOST_NAMESPACE_REF: NamespaceRef = { path: HOST_NAMESPACE, dev: 0, inode: 0, cookie: '' };
