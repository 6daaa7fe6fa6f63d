import { create } from '@bufbuild/protobuf';
import {
  AuditAddressesResponseSchema,
  type Finding,
  FindingSchema,
  HostPlanSchema,
  type WishResponse,
} from '#api/gen/weft/v1/controller_pb.ts';
import type { Clients } from '#transport/client.ts';
import { messageJson, printJson, printPlans } from '../output/print.ts';
import { printable } from '../output/printable.ts';
import { type Style, styleFor } from '../output/style.ts';
import { type CallOptions, type SessionOptions, withController } from '../session.ts';
import type { World } from '../world.ts';

/** What an audit found, and what a repair has put right of it. */
interface Audit {
  /** Of the records that the findings are of. */
  readonly revision: bigint;
  readonly findings: readonly Finding[];
  readonly repaired: readonly Finding[];
  /** Of a dry run: what would be done. */
  readonly repair?: WishResponse;
}

/** Ends with exit code 6 while findings remain. */
export async function auditAddresses(
  world: World,
  options: SessionOptions & { repair?: boolean; dryRun?: boolean },
): Promise<void> {
  const { repair, dryRun } = options;
  const audit = await withController(world, options, (clients, call) =>
    runAudit(clients, call, { repair: repair ?? false, dryRun: dryRun ?? false }),
  );
  if (audit.findings.length > 0) world.exitWith('unwell');
  if (options.json) return printJson(world, auditJson(audit));
  const style = styleFor(world.stdout, world.env);
  for (const finding of audit.repaired) world.stdout.write(showRepaired(finding, style));
  for (const finding of audit.findings) world.stdout.write(showFinding(finding, style));
  world.stdout.write(summary(audit, style));
  if (audit.repair) printPlans(world, audit.repair.plans);
}

async function runAudit(
  { controller }: Clients,
  call: CallOptions,
  { repair, dryRun }: { repair: boolean; dryRun: boolean },
): Promise<Audit> {
  const { revision, findings } = await controller.auditAddresses({}, call);
  const found = { revision, findings, repaired: [] };
  if (!repair || findings.every((finding) => finding.repair === '')) return found;
  const response = await controller.repairAddresses({ dryRun }, call);
  if (dryRun) return { ...found, repair: response };
  const after = await controller.auditAddresses({}, call);
  const remain = new Set(after.findings.map(({ sentence }) => sentence));
  const repaired = findings.filter(({ sentence }) => !remain.has(sentence));
  return { revision: after.revision, findings: after.findings, repaired };
}

const showRepaired = ({ code, sentence, repair }: Finding, { green, bold }: Style): string =>
  `${green('repaired:')} ${printable(sentence)} [${printable(code)}]\n  ${bold('done:')} ${printable(repair)}\n`;

const showFinding = ({ code, sentence, repair, next }: Finding, { yellow, bold }: Style): string =>
  `${yellow('finding:')} ${printable(sentence)} [${printable(code)}]\n` +
  (repair ? `  ${bold('repair:')} ${printable(repair)}\n` : `  ${bold('next:')} ${printable(next)}\n`);

function summary({ findings, repaired }: Audit, { green, yellow }: Style): string {
  const done = repaired.length > 0 ? `${repaired.length} repaired. ` : '';
  if (findings.length === 0) return `${done}${green('The records of all addresses are sound.')}\n`;
  const mendable = findings.filter(({ repair }) => repair !== '').length;
  const how = mendable > 0 ? `; ${mendable} of them weft ipam audit --repair can put right` : '';
  return `${done}${yellow(`${findings.length} finding${findings.length === 1 ? '' : 's'}${how}.`)}\n`;
}

const auditJson = ({ revision, findings, repaired, repair }: Audit) => ({
  ...(messageJson(
    AuditAddressesResponseSchema,
    create(AuditAddressesResponseSchema, { revision, findings: [...findings] }),
  ) as object),
  repaired: repaired.map((finding) => messageJson(FindingSchema, finding)),
  ...(repair && { plans: repair.plans.map((plan) => messageJson(HostPlanSchema, plan)) }),
});
