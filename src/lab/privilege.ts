import { findHolder, holdsLab, isPrivileged, runInside, startHolder, stopHolder } from './holder.ts';
import { absent } from './lab-error.ts';
import type { ProcessRef } from './processes.ts';
import { typedLab } from './program.ts';

/** `make` may start a lab; `use` needs one; `remove` is content without one. */
type Purpose = 'make' | 'use' | 'remove';

const LIMITS = `Without root, the lab runs in user and network namespaces of its own. What cannot work there: reaching
the machine's own interfaces and the world outside, and Docker. "ip netns" outside does not list it: use
"weft lab exec".
`;

/** Runs the work where it may make namespaces: right here, or this whole command again inside the lab's holder. */
export async function runPrivileged(
  lab: string,
  purpose: Purpose,
  work: (directory: string) => Promise<number>,
): Promise<number> {
  const directory = `/run/weft-lab/${lab}`;
  if (isPrivileged()) return work(directory);
  const found = findHolder(lab);
  if (!found && purpose === 'remove') {
    process.stderr.write('there was no lab; nothing to remove\n');
    return 0;
  }
  if (!found && purpose === 'use')
    throw absent('there is no lab of this user', `bring one up: ${typedLab(lab, 'up')}`);
  return runHeld(lab, directory, found);
}

/** The holder ends with the lab, whoever removed it. Ctrl-C is for the command inside, which cleans up. */
async function runHeld(lab: string, directory: string, found: ProcessRef | undefined): Promise<number> {
  const ignore = () => {};
  process.on('SIGINT', ignore);
  try {
    const holder = found ?? (await startHolder(lab));
    if (!found) process.stderr.write(LIMITS);
    const code = await runInside(holder);
    if (!holdsLab(holder, directory)) await stopHolder(lab, holder);
    return code;
  } finally {
    process.off('SIGINT', ignore);
  }
}
