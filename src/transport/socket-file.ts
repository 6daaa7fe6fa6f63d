import fs from 'node:fs';
import net from 'node:net';

/** What is at a path: nothing, what is no socket, a socket that somebody listens on, or one whose owner was killed. */
export type SocketFile = 'absent' | 'directory' | 'file' | 'alive' | 'dead';

/** Looks, and knocks. Throws where it may not look. */
export async function lookAtSocketFile(socketPath: string): Promise<SocketFile> {
  const there = fs.statSync(socketPath, { throwIfNoEntry: false });
  if (!there) return 'absent';
  if (!there.isSocket()) return there.isDirectory() ? 'directory' : 'file';
  return (await isAlive(socketPath)) ? 'alive' : 'dead';
}

const isAlive = (socketPath: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = net.connect(socketPath, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
