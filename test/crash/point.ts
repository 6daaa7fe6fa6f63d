import { appendFileSync, readFileSync } from 'node:fs';

/**
 * Inside the process that is to die. The file named by CRASH_PLAN, once it is there, says at which of the points from
 * then on; 0 is never. Every point passed is written beside it first, so that the test knows where the process died.
 */
const file = process.env.CRASH_PLAN;
let at: number | undefined;
let passed = 0;

export function point(name: string): void {
  at ??= readPlan();
  if (at === undefined) return;
  passed++;
  appendFileSync(`${file}.trace`, `${passed} ${name}\n`);
  if (passed === at) process.kill(process.pid, 'SIGKILL');
}

/** Whether it is one of the system calls that parts/libc.ts stands around; all others are events and effects. */
export const isOfKernel = (name: string): boolean => /RTM_|NFT_|mount|unshare/.test(name);

function readPlan(): number | undefined {
  try {
    return file === undefined ? undefined : Number(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
