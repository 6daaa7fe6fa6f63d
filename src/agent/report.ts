import { isDistrust } from '#api/distrust.ts';
import { listSome } from '#intent/list-some.ts';
import { type Fault, isRejection, sayFault } from '#model/fault.ts';
import type { HostStatus } from '#model/host-status.ts';
import type { OpResult } from '#model/kernel-op.ts';
import type { Notice } from '#model/notice.ts';
import { hasIpv6Subnet } from '#model/records.ts';
import { hostView } from '#plan/host-view.ts';
import type { RankedOp } from '#plan/order.ts';
import { hostStatus, tunnelNotices } from '#plan/status.ts';
import { adoptedNotices } from './adopted-notices.ts';
import type { AgentEffect } from './event.ts';
import { unexposedNotices } from './exposures.ts';
import { forwardingNotices, noteForwarded } from './forwarding.ts';
import { type LocalEndpoint, localEndpoints } from './local-endpoints.ts';
import { namesNotices } from './names.ts';
import { noteSettled } from './own-word.ts';
import { isRuntimeQuiet } from './pace.ts';
import { takesPart } from './place-of.ts';
import { revokedNotices } from './revoked.ts';
import type { AgentState, SessionState } from './state.ts';
import { publishedPortNotices } from './taken-ports.ts';
import { unknownEndpointNotices } from './unknown-endpoints.ts';

/** The controller hears at least this often how it stands here. */
const REPORT_INTERVAL_MS = 5_000;

/** Remembers what a look found: `ops` to do, and how those of this turn ended. */
export function noteStatus(state: AgentState, ops: readonly RankedOp[], results: readonly OpResult[]): void {
  const { turn, session } = state;
  const view = hostView(state.view, state.host);
  if (!view) {
    noteAlone(state);
    return;
  }
  const headRevision = session.connected ? session.headRevision : state.view.revision;
  noteForwarded(state, view);
  state.status = hostStatus(view, {
    headRevision,
    appliedRevision: turn.applied,
    settledRevision: session.settledRevision,
    ops: ops.map(({ op }) => op),
    results,
    outages: [...state.outages.values()],
    refused: state.refused,
    notices: noticesOf(state),
    permits: state.permits,
  });
}

/** A host that the controller has not taken has but one thing to say: why. */
function noteAlone(state: AgentState): void {
  state.status = state.session.connected
    ? undefined
    : {
        ...{
          host: state.host,
          appliedRevision: 0,
          headRevision: 0,
          settledRevision: 0,
          endpoints: 0,
          networks: 0,
        },
        ...{ drift: [], outages: [], failing: [], refused: [], permits: [], notices: noticesOf(state) },
      };
}

const goneNotice = ({ endpoint, namespace }: LocalEndpoint): Notice => ({
  code: 'namespace-gone',
  title: 'Endpoint without a container',
  sentence: `The namespace ${namespace || endpoint.containerId} of endpoint ${endpoint.name} is gone.`,
  next: `weft endpoint detach ${endpoint.id}, or attach the container again.`,
});

const UNFILTERED: Notice = {
  code: 'no-nftables',
  title: 'This kernel has no nf_tables',
  sentence:
    'Networks work, but containers here can forge addresses, any host can send VXLAN into their networks, and gateways of several hosts hear each other.',
  next: 'load nf_tables (with its bridge family), or use a kernel that has it, and start the agent anew.',
};

const unseenNotice = (text: string): Notice => ({
  code: 'kernel-unseen',
  title: 'The agent cannot look at this host’s kernel',
  sentence: `It was told: ${text}. Nothing is attached, mended or taken from the controller until it can; what stands goes on.`,
  next: 'where it says EMFILE or “too many open files”, raise the agent’s limit of open files (LimitNOFILE); else see its log.',
});

/** What cannot be written down now is tried again and again (see keep-journal.ts). */
const unwrittenNotice = ({ problem, fix }: Fault): Notice => ({
  code: 'journal-unwritten',
  title: 'The agent cannot write its journal',
  sentence: `It was told: ${problem}. Until it can, nothing is attached, and what is detached comes back should the agent end; what stands goes on.`,
  next: `${fix}.`,
});

/** Networks of which containers here have less than the others. */
function ipv4OnlyNotices(state: AgentState): Notice[] {
  const networks = [...state.view.networks.values()].filter(({ id }) => takesPart(state, id));
  const dual = networks.filter(hasIpv6Subnet);
  if (dual.length === 0) return [];
  const names = listSome(dual.map(({ name }) => name));
  return [
    {
      code: 'no-ipv6',
      title: 'This host has no IPv6',
      sentence: `Containers here have no IPv6 addresses, which ${names} would give them; IPv4 works.`,
      next: 'start the kernel without ipv6.disable=1, or make networks with IPv4 subnets alone.',
    },
  ];
}

function noticesOf(state: AgentState): Notice[] {
  const gone = localEndpoints(state).filter(
    ({ endpoint, state: is }) => is === 'gone' && endpoint.runtime !== 'host',
  );
  const notices = [
    ...revokedNotices(state),
    ...unknownEndpointNotices(state),
    ...gone.map(goneNotice),
    ...adoptedNotices(state),
    ...unexposedNotices(state),
    ...publishedPortNotices(state),
    ...forwardingNotices(state),
    ...state.doorNotices,
    ...state.hostNotices,
    ...namesNotices(state),
  ];
  const unwritten = [...state.unwritten.values()].find((how) => isRejection(how));
  if (unwritten) notices.push(...unwritten.faults.slice(0, 1).map(unwrittenNotice));
  if (state.turn.unseen !== undefined) notices.push(unseenNotice(state.turn.unseen));
  if (!state.canFilter) notices.push(UNFILTERED);
  if (!state.hasIpv6) notices.push(...ipv4OnlyNotices(state));
  if (!state.session.connected) notices.push(aloneNotice(state.session));
  return notices;
}

const ALONE = 'Traffic flows and the kernel is kept as it was wished last; nothing new is heard';

function aloneNotice({ reason, refusal }: SessionState): Notice {
  if (!refusal)
    return {
      code: 'controller-away',
      title: 'No session with the controller',
      sentence: `${ALONE}${reason && ` (${reason})`}.`,
      next: isDistrust(reason)
        ? 'see that the certificates of both sides are valid and of one authority; a new one counts from the next start of whose it is.'
        : 'start the controller, or see `weft agent --help` for its address.',
    };
  return {
    code: 'host-refused',
    title: 'The controller does not take this host',
    sentence: `Its ${listSome(refusal.faults.map(sayFault))}. ${ALONE}.`,
    next: `${refusal.faults[0]?.fix ?? 'see the agent’s log'}; this host asks again every five seconds.`,
  };
}

/** All that a door wants people to know from now on. */
export function noteDoorNotices(state: AgentState, notices: readonly Notice[]): AgentEffect[] {
  state.doorNotices = notices;
  return renewNotices(state);
}

/** All that is to be known of this host's way to the others from now on. */
export function noteHostNotices(state: AgentState, notices: readonly Notice[]): AgentEffect[] {
  state.hostNotices = notices;
  return renewNotices(state);
}

/** Something is to be told that no look at the kernel tells of. */
export function renewNotices(state: AgentState): AgentEffect[] {
  if (!state.status) return [];
  const view = hostView(state.view, state.host);
  const notices = [...noticesOf(state), ...(view ? tunnelNotices(view) : [])];
  state.status = { ...state.status, notices };
  return [];
}

/** What the last look found, and how far this host has come since. */
export function currentStatus({ status, session, turn, view }: AgentState): HostStatus | undefined {
  if (!status) return undefined;
  const headRevision = Math.max(session.connected ? session.headRevision : view.revision, turn.applied);
  return { ...status, headRevision, appliedRevision: turn.applied, settledRevision: session.settledRevision };
}

/** Tells the controller, now and then, and soon after something changed. */
export function reportStatus(state: AgentState): AgentEffect[] {
  const { session } = state;
  if (!session.connected || !state.status || !isRuntimeQuiet(state)) return [];
  noteSettled(state);
  const status = currentStatus(state)!;
  const news = JSON.stringify(status) !== session.lastReport;
  if (!news && state.nowMs - session.lastReportMs < REPORT_INTERVAL_MS) return [];
  session.lastReportMs = state.nowMs;
  session.lastReport = JSON.stringify(status);
  return [{ effect: 'report-status', status }];
}
