import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** A file system of 1 MiB at that path. It can be filled to the last page, and have room again. */
export class SmallDisk {
  private readonly ballast: string;
  private readonly path: string;

  constructor(at: string) {
    this.path = at;
    this.ballast = path.join(at, 'ballast');
    mkdirSync(at, { recursive: true, mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'tmpfs', at]);
  }

  fill(): void {
    // A file's last page may have room left: what is there is full only page by page.
    writeFileSync(this.ballast, Buffer.alloc(this.freeBytes()));
  }

  makeRoom(): void {
    rmSync(this.ballast, { force: true });
  }

  private freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }
}
