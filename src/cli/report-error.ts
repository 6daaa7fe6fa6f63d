import type { Fault } from '#model/fault.ts';
import { CliError } from './cli-error.ts';
import { type ExitName, exitCodeOf } from './exit-code.ts';
import { printable } from './output/printable.ts';
import { styleFor } from './output/style.ts';
import type { World } from './world.ts';

/** What is told about any error: to people as lines, to programs as one JSON object on stderr. */
interface Report {
  readonly exit: ExitName;
  readonly message: string;
  readonly next: string;
  readonly faults: readonly Fault[];
}

/** Tells it on stderr and gives the exit code. */
export function reportError(error: unknown, world: World, json: boolean): number {
  const report = describeError(error);
  const { exit, message, next, faults } = report;
  const code = exitCodeOf(exit);
  world.stderr.write(
    json
      ? `${JSON.stringify({ error: { exit, code, message, next, faults } })}\n`
      : formatReport(report, world),
  );
  if (world.env.WEFT_DEBUG && error instanceof Error) world.stderr.write(`${error.stack}\n`);
  return code;
}

function formatReport({ message, next, faults }: Report, world: World): string {
  const style = styleFor(world.stderr, world.env);
  const line = (text: string, fix: string) =>
    `${style.red('error:')} ${printable(text)}\n${fix && `  ${style.bold('fix:')} ${printable(fix)}\n`}`;
  if (faults.length === 0) return line(message, next);
  return faults.map((one) => line(`${one.field} "${one.value}": ${one.problem}`, one.fix)).join('');
}

function describeError(error: unknown): Report {
  if (error instanceof CliError) return error;
  if (!(error instanceof Error)) return { exit: 'failed', message: String(error), next: '', faults: [] };
  // Start-up failures of controller, agent and lab say their own next step.
  const { next, exit = 'failed' } = error as { next?: unknown; exit?: ExitName };
  if (typeof next === 'string') return { exit, message: error.message, next, faults: [] };
  if (isForbidden(error))
    return { exit: 'failed', message: `not permitted: ${error.message}`, next: AS_ROOT, faults: [] };
  return {
    exit: 'failed',
    message: `unexpected: ${error.message}`,
    next: 'run it again with WEFT_DEBUG=1 and report what it prints',
    faults: [],
  };
}

const AS_ROOT =
  'run it as root, such as with sudo; in a container, root needs CAP_NET_ADMIN and CAP_SYS_ADMIN, too';

/** The system's word to who is not root: of a file, or of a namespace that the agent asks for. */
const isForbidden = (error: Error): boolean =>
  ['EACCES', 'EPERM'].includes(String((error as NodeJS.ErrnoException).code));
