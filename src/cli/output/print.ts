import { type DescMessage, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf';
import {
  type HostPlan,
  type PlanStep,
  type WishResponse,
  WishResponseSchema,
} from '#api/gen/weft/v1/controller_pb.ts';
import type { Notice } from '#model/notice.ts';
import type { World } from '../world.ts';
import { printable } from './printable.ts';
import { type Style, styleFor } from './style.ts';
import { type Column, formatTable } from './table.ts';
import { wrapWords } from './wrap.ts';

export const printJson = (world: World, value: unknown): void =>
  void world.stdout.write(`${JSON.stringify(value, null, 2)}\n`);

/** A message under the schema's JSON names, fields at their defaults included, so that scripts find them. */
export const messageJson = <D extends DescMessage>(schema: D, message: MessageShape<D>): JsonValue =>
  toJson(schema, message, { alwaysEmitImplicit: true });

/** A table under an optional title, as wide as the terminal allows. */
export function printTable<Row>(
  world: World,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  title?: string,
): void {
  const style = styleFor(world.stdout, world.env);
  if (title !== undefined) world.stdout.write(`\n${style.bold(title)}\n`);
  if (title !== undefined && rows.length === 0) world.stdout.write('  none\n');
  else
    world.stdout.write(
      formatTable(columns, rows, style, world.stdout.isTTY ? world.stdout.columns : undefined),
    );
}

/** What has no rows says how to get some, beside the data (on stderr). */
export const printEmpty = (world: World, sentence: string): void => void world.stderr.write(`${sentence}\n`);

/** What is worth knowing though it worked. */
export function printNotices(world: World, notices: readonly Notice[]): void {
  const style = styleFor(world.stderr, world.env);
  for (const { code, title, sentence, next } of notices) {
    const tell = (word: string, text: string, indent: string) =>
      world.stderr.write(`${indent}${word} ${wrapWords(text, style.width - 8).join(`\n${indent}  `)}\n`);
    tell(style.yellow('note:'), printable(`${title}: ${sentence} [${code}]`), '');
    if (next) tell(style.bold('next:'), printable(next), '  ');
  }
}

/**
 * Plans read as a shell script: commands plain, everything else a comment. `most` cuts short what is done many times
 * for one reason.
 */
export function formatPlans(
  plans: readonly HostPlan[],
  style: Style,
  most = Number.POSITIVE_INFINITY,
): string {
  return plans
    .map(({ host, steps }) => {
      const count = steps.reduce((sum, { commands }) => sum + commands.length, 0);
      const title = count === 0 ? 'nothing to do' : `${count} command${count === 1 ? '' : 's'}`;
      const lines = byReason(steps).flatMap(({ reason, commands }) => {
        const more = commands.length - most;
        return [
          ...(reason ? [style.dim(`# ${printable(reason)}`)] : []),
          ...commands.slice(0, most).map(printable),
          ...(more > 0 ? [style.dim(`# … and ${more} more like ${most === 1 ? 'it' : 'these'}`)] : []),
        ];
      });
      return `${[style.bold(`# ${printable(host)}: ${title}`), ...lines].join('\n')}\n`;
    })
    .join('\n');
}

/** What is done one after the other for the same reason gives that reason once. */
function byReason(
  steps: readonly Pick<PlanStep, 'reason' | 'commands'>[],
): { reason: string; commands: string[] }[] {
  const groups: { reason: string; commands: string[] }[] = [];
  for (const { reason, commands } of steps) {
    const last = groups.at(-1);
    if (last?.reason === reason) last.commands.push(...commands);
    else groups.push({ reason, commands: [...commands] });
  }
  return groups;
}

/** What came of a wish: the answer for scripts, or a sentence, with `--dry-run` what each host would do, and notices. */
export function printWish(
  world: World,
  options: { readonly json?: boolean; readonly dryRun?: boolean },
  response: WishResponse,
  sentence: string,
): void {
  if (options.json) {
    printJson(world, messageJson(WishResponseSchema, response));
    return;
  }
  world.stdout.write(`${sentence}\n`);
  if (options.dryRun) printPlans(world, response.plans);
  printNotices(world, response.notices);
}

/** What each host's kernel would be told. */
export const printPlans = (world: World, plans: readonly HostPlan[], most?: number): void =>
  void world.stdout.write(
    plans.length > 0
      ? formatPlans(plans, styleFor(world.stdout, world.env), most)
      : '# no host has anything to do\n',
  );
