import { fault, isRejection, type Rejection, reject } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { OpResult } from '#model/kernel-op.ts';
import { hostTag, overlayNamespace, portName } from '#model/own.ts';
import type { Endpoint, Network } from '#model/records.ts';
import type { Attachment } from './attachment.ts';
import { dropAttachment } from './detach.ts';
import type { AgentEffect, AttachAsk, AttachGrant } from './event.ts';
import type { AgentState, Attaching } from './state.ts';
import { markDirty } from './turn.ts';

/** A runtime waits for the answer; CNI and Docker give up later than this. */
const ATTACH_LIMIT_MS = 30_000;

/** First the controller grants a record, so that nobody else has the address. */
export function beginAttach(
  state: AgentState,
  request: number,
  ask: AttachAsk,
  nowMs: number,
): AgentEffect[] {
  state.wishesNothing = false;
  state.attaching.set(request, { ask, sinceMs: nowMs, phase: 'granting', revision: 0, notices: [] });
  const wish = { wish: 'attach-endpoint', ...ask.words, host: state.name, runtime: 'netns' } as const;
  return [{ effect: 'ask-attach', request, wish }];
}

/** Then the promise goes into the journal, before the kernel is touched: a killed agent finds what it began. */
export function endAttachGrant(
  state: AgentState,
  request: number,
  grant: AttachGrant | Rejection,
): AgentEffect[] {
  const attaching = state.attaching.get(request);
  if (!attaching) return isRejection(grant) ? [] : releaseGrant(grant.endpoint);
  if (isRejection(grant)) return answerAttach(state, request, grant);
  const { endpoint, revision, notices } = grant;
  state.attaching.set(request, { ...attaching, phase: 'journaling', endpoint, revision, notices });
  const { namespace } = attaching.ask;
  const entry: Attachment = {
    entry: 'attachment',
    endpoint,
    namespace,
    bootId: state.bootId,
    state: 'attached',
  };
  return [{ effect: 'journal-put', key: endpoint.id, entry }];
}

/** A grant that came after its request was given up. */
const releaseGrant = ({ id, generation }: Endpoint): AgentEffect[] => [
  { effect: 'ask-detach', wish: { wish: 'detach-endpoint', endpoint: id, generation } },
];

/** The promise is durable: now the kernel may be brought to it. */
export function noteJournaled(state: AgentState, key: string): AgentEffect[] {
  const effects: AgentEffect[] = [];
  for (const [request, attaching] of attachesOf(state, key as Id, 'journaling')) {
    const { endpoint, ask } = attaching;
    state.attaching.set(request, { ...attaching, phase: 'settling' });
    state.attachments.set(endpoint!.id, {
      entry: 'attachment',
      endpoint: endpoint!,
      namespace: ask.namespace,
      bootId: state.bootId,
      state: 'attached',
    });
    effects.push(...markDirty(state));
  }
  return effects;
}

/** A full disk: nothing was promised, so the grant goes back. */
export function failJournal(state: AgentState, key: string, rejection: Rejection): AgentEffect[] {
  return attachesOf(state, key as Id, 'journaling').flatMap(([request, { endpoint }]) => [
    ...answerAttach(state, request, rejection),
    ...releaseGrant(endpoint!),
  ]);
}

const attachesOf = (state: AgentState, endpoint: Id, phase: Attaching['phase']) =>
  [...state.attaching].filter(
    ([, attaching]) => attaching.phase === phase && attaching.endpoint?.id === endpoint,
  );

/** After a turn: answers every attach whose kernel state is complete, and takes back those that the kernel refused. */
export function settleAttaches(state: AgentState): AgentEffect[] {
  const effects: AgentEffect[] = [];
  for (const [request, attaching] of state.attaching) {
    const { phase, endpoint, revision, ask } = attaching;
    if (phase !== 'settling' || !endpoint || state.turn.applied < revision) continue;
    const network = state.view.networks.get(endpoint.network);
    if (!network || !state.view.endpoints.has(endpoint.id)) continue;
    const path = ask.namespace.path;
    // Granted while a look was under way: the next one will have seen the container's interface.
    if (!wasLookedAt(state, path, endpoint.interface)) continue;
    const refusal = state.turn.live.has(path)
      ? refusedOp(state, endpoint, network, path)
      : reject('absent', fault('namespace', path, 'is gone', 'give the namespace of a running container'));
    if (refusal)
      effects.push(...answerAttach(state, request, refusal), ...dropAttachment(state, endpoint.id));
    else
      effects.push(
        ...answerAttach(state, request, {
          answer: 'attached',
          endpoint,
          network,
          notices: attaching.notices,
        }),
      );
  }
  return effects;
}

const wasLookedAt = ({ turn }: AgentState, path: string, name: string): boolean =>
  turn.scope?.containers.some(
    ({ namespace, interfaces }) => namespace.path === path && interfaces.includes(name),
  ) ?? false;

/** Whether the kernel refused something that this endpoint cannot do without. */
function refusedOp(
  state: AgentState,
  endpoint: Endpoint,
  { vni }: Network,
  path: string,
): Rejection | undefined {
  const overlay = overlayNamespace(hostTag(state.host), vni);
  const port = portName(endpoint.id);
  const concerns = ({ op: { object } }: OpResult): boolean => {
    const device = object.kind === 'link' ? object.name : 'dev' in object ? object.dev : undefined;
    if (object.ns === path) return device === endpoint.interface || device === 'lo';
    return object.ns === overlay && (device === undefined || device === port || !device.startsWith('p'));
  };
  const refused = state.turn.failing.find(concerns);
  if (!refused || refused.ok) return undefined;
  const { errno, text, command } = refused.error;
  const taken = errno === 'EEXIST' && refused.op.object.kind === 'link';
  return taken
    ? reject(
        'conflict',
        fault('interface', endpoint.interface, `cannot be made: ${text}`, 'choose another --interface'),
      )
    : reject('unavailable', fault('kernel', command, `${text} (${errno})`, 'see `weft status`'));
}

/** Gives up what takes too long, so that no runtime hangs. */
export function timeOutAttaches(state: AgentState, nowMs: number): AgentEffect[] {
  const late = [...state.attaching].filter(([, { sinceMs }]) => nowMs - sinceMs > ATTACH_LIMIT_MS);
  return late.flatMap(([request, { ask, endpoint }]) => [
    ...answerAttach(
      state,
      request,
      reject(
        'unavailable',
        fault(
          'network',
          ask.words.network,
          'could not be joined in 30 s',
          'look at `weft status` and try again',
        ),
      ),
    ),
    ...(endpoint ? dropAttachment(state, endpoint.id) : []),
  ]);
}

function answerAttach(
  state: AgentState,
  request: number,
  answer: Extract<AgentEffect, { effect: 'answer' }>['answer'],
): AgentEffect[] {
  state.attaching.delete(request);
  return [{ effect: 'answer', request, answer }];
}
