import path from 'node:path';

/**
 * The agent runs elsewhere in the file system: a relative path is made absolute here. Names and pids go as they are.
 * (A name under /run/netns has no slash.)
 */
export const absoluteNamespace = (text: string): string =>
  text.includes('/') && !text.startsWith('/') ? path.resolve(text) : text;
