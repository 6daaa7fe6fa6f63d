import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The image that every engine of a lab has: a busybox, and what it is linked to. No registry is asked. */
export const IMAGE = 'busybox';

/** Writes a tar file for `docker import`, and gives its path. */
export async function buildImage(busybox: string, file: string): Promise<string> {
  const libraries = await run('ldd', [busybox]).then(
    ({ stdout }) => [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, library]) => library!),
    // A static one is "not a dynamic executable".
    () => [],
  );
  const renames = ['s,^/,,', `s,^${busybox.slice(1)}$,bin/busybox,`];
  const transforms = renames.flatMap((rename) => ['--transform', rename]);
  await run('tar', ['-c', '-h', '-P', '-f', file, ...transforms, busybox, ...libraries]);
  return file;
}
