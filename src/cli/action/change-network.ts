import { type HostPlan, HostPlanSchema, type WishResponse } from '#api/gen/weft/v1/controller_pb.ts';
import type { Network } from '#api/gen/weft/v1/records_pb.ts';
import { CliError } from '../cli-error.ts';
import { messageJson, printJson, printNotices, printPlans, printTable } from '../output/print.ts';
import { printable } from '../output/printable.ts';
import { styleFor } from '../output/style.ts';
import { type SessionOptions, withController } from '../session.ts';
import type { World } from '../world.ts';
import { followChange, type HostChange } from './follow-change.ts';
import { takeNumbers } from './numbers.ts';

export interface ChangeNetworkOptions extends SessionOptions {
  readonly mode?: string;
  readonly port?: string;
  readonly group?: string;
  readonly mtu?: string;
  readonly ttl?: string;
  readonly portSecurity?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  /** False for `--no-wait`. */
  readonly wait?: boolean;
}

/** Of commands for one reason; `--dry-run` shows all. */
const MOST_ALIKE = 2;

/** Shows what it is going to do, does it, waits for all hosts, and tells what was lost. */
export async function changeNetwork(
  world: World,
  options: ChangeNetworkOptions,
  nameOrId: string,
): Promise<void> {
  const { mode, group, portSecurity, force = false, dryRun = false, wait = true, json } = options;
  const words = { mode, group, portSecurity, ...takeNumbers(options, ['port', 'mtu', 'ttl']) };
  await withController(world, options, async (clients, call) => {
    const request = { network: nameOrId, force, ...words };
    const preview = await clients.controller.changeNetwork({ ...request, dryRun: true }, call);
    const plans = preview.changes.length > 0 ? preview.plans : [];
    if (!json) printPreview(world, plans, dryRun ? undefined : MOST_ALIKE);
    const { id, name } = preview.subject!.record.value as Network;
    const say = (outcome: Outcome, answer: WishResponse, hosts: readonly HostChange[] = []) => {
      if (json) printJson(world, endJson(name, outcome, answer, plans, hosts));
      else printEnd(world, printable(name), outcome, hosts);
      printNotices(world, answer.notices);
    };
    if (dryRun) return say(preview.changes.length > 0 ? 'planned' : 'unchanged', preview);
    const tell = (text: string) => json || world.stderr.write(`${printable(text)}\n`);
    await untilStopped(world.stop(), name, async (signal, noteBegun) => {
      const begun = await clients.controller.changeNetwork(request, { ...call, signal });
      if (begun.changes.length === 0) return say('unchanged', begun);
      if (!wait) return say('begun', begun);
      noteBegun();
      const { network, hosts } = await followChange(clients, signal, id, begun.revision, plans, tell);
      if (isAsAdmitted(network, begun.subject!.record.value as Network)) return say('changed', begun, hosts);
      world.exitWith('failed');
      say('taken back', begun, hosts);
    });
  });
}

/** Whoever breaks off hears what becomes of it: nothing is taken back, the hosts do what is admitted. */
async function untilStopped(
  signal: AbortSignal,
  network: string,
  change: (signal: AbortSignal, noteBegun: () => void) => Promise<void>,
): Promise<void> {
  let what = 'may have begun, and then goes on';
  try {
    await change(signal, () => {
      what = 'goes on without this command';
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new CliError(
      'interrupted',
      `interrupted: the change of network ${network} ${what}`,
      `see how far it is with: weft network inspect ${network}`,
    );
  }
}

type Outcome = 'planned' | 'unchanged' | 'begun' | 'changed' | 'taken back';

const SENTENCES: { readonly [outcome in Outcome]: string } = {
  planned: 'would be changed',
  unchanged: 'is so already',
  begun: 'is being changed: weft network inspect shows how far it is',
  changed: 'changed',
  'taken back': 'is as it was: a host could not take the change',
};

/** Not as it was typed: an address has many spellings. */
function isAsAdmitted(network: Network, { change, ...admitted }: Network): boolean {
  const wished = change?.next ?? change?.other ?? admitted;
  const fields = ['mode', 'group', 'port', 'mtu', 'ttl'] as const;
  return fields.every((field) => network[field] === wished[field]);
}

function printPreview(world: World, plans: readonly HostPlan[], most?: number): void {
  printPlans(world, plans, most);
  const lossy = plans.filter(({ loss }) => loss);
  const lines = lossy.map(({ host, loss }) => `# expected to be lost on ${host}: ${loss}`);
  world.stdout.write(`${lines.map(printable).join('\n') || '# nothing is expected to be lost'}\n`);
}

function printEnd(world: World, name: string, outcome: Outcome, hosts: readonly HostChange[]): void {
  const { green, yellow, red } = styleFor(world.stdout, world.env);
  const paint = outcome === 'taken back' ? red : green;
  world.stdout.write(`${paint(`network ${name} ${SENTENCES[outcome]}`)}\n`);
  if (hosts.length === 0) return;
  printTable<HostChange>(
    world,
    [
      { title: 'HOST', cell: ({ host }) => host },
      {
        title: 'STATE',
        cell: ({ state }) => state,
        paint: ({ state }) => (state === 'done' ? green : yellow),
      },
      { title: 'TUNNEL AWAY', cell: ({ lostMs }) => (lostMs === undefined ? 'unknown' : `${lostMs} ms`) },
    ],
    hosts,
    'Hosts',
  );
  for (const { host, refusal } of hosts)
    if (refusal && outcome === 'taken back')
      world.stdout.write(`${printable(`${host} refused: ${refusal}`)}\n`);
}

const endJson = (
  network: string,
  outcome: Outcome,
  { revision }: WishResponse,
  plans: readonly HostPlan[],
  hosts: readonly HostChange[],
) => ({
  network,
  outcome,
  revision: String(revision),
  ...(hosts.length > 0 && { longestLossMs: Math.max(...hosts.map(({ lostMs }) => lostMs ?? 0)), hosts }),
  plans: plans.map((plan) => messageJson(HostPlanSchema, plan)),
});
