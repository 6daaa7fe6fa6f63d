import type { Id } from '#model/id.ts';
import { endAcquire } from './acquire-ahead.ts';
import {
  beginAttach,
  endAttachGrant,
  failJournal,
  grantWaiting,
  noteJournaled,
  plugWhileFlushing,
} from './attach.ts';
import { hearClaims } from './claims.ts';
import { askAgainToDetach, beginDetach, endDetachGrant, forgetDetached, settleDetaches } from './detach.ts';
import type { AgentEffect, AgentEvent, Moment } from './event.ts';
import { endHandBack, giveUpHandBack, handBack, noteHandBackJournaled } from './hand-back.ts';
import { beginHold, dropHold, endHoldGrant, endHolds, takeHolds } from './hold.ts';
import { dropIdle, findIdle } from './idle-rows.ts';
import { hearExposures, keepExposed } from './keep-exposed.ts';
import { keepJournalAgain } from './keep-journal.ts';
import { survey, takeSurvey } from './look-around.ts';
import { hearAgain, hearKernel } from './mend.ts';
import { forgetAllowances } from './miss-limit.ts';
import { answerLate, answerMisses, hearMisses } from './misses.ts';
import { greetResolver, hearTroubles, loseResolver, tellNames } from './names.ts';
import { releaseOrphans } from './orphans.ts';
import { comeBackToRest } from './pace.ts';
import { endPublish, publishAll, tellAtOnce } from './publish.ts';
import { noteDoorNotices, noteHostNotices, renewNotices, reportStatus } from './report.ts';
import { beginReset, settleResets } from './reset.ts';
import { wake } from './rest.ts';
import { describe } from './retell.ts';
import { answerNoted, beginSeek, endSeek, hastenSeeks, seekEnds } from './seek-end.ts';
import { hear, loseSession, watchSession } from './session.ts';
import { settleAttaches, timeOutAttaches } from './settle-attach.ts';
import { endShortcut } from './shortcut.ts';
import { forgetStanding } from './standing-rows.ts';
import type { AgentState } from './state.ts';
import { endPublishStations, publishStations } from './stations.ts';
import { findPortHolders, notePortHolders } from './taken-ports.ts';
import { beginTurn, endTurn, failLook, markUrgent, retryTurn, takeLook } from './turn.ts';
import { endUnplug, unplugWaiting } from './unplug.ts';
import { forgetVain } from './vain-questions.ts';

/**
 * What the agent decides, without a clock, a socket, a file or a kernel of its own: an event goes in, effects come
 * out. Events only mark things dirty; the turn (turn.ts) settles them from the latest view and a fresh look, so that
 * what results depends on the state and never on the order in which events came.
 */
export function step(state: AgentState, event: AgentEvent, { nowMs, idleMs, chance }: Moment): AgentEffect[] {
  state.nowMs = nowMs;
  state.idleMs = idleMs;
  return [
    ...react(state, event),
    ...takeHolds(state, chance),
    ...grantWaiting(state, chance),
    ...settleDetaches(state),
    ...settle(state),
    ...hearAgain(state),
    ...unplugWaiting(state),
    ...answerNoted(state),
    ...seekEnds(state),
    ...beginTurn(state),
    ...tellNames(state),
  ];
}

/** Between turns: answers everybody whose wish the kernel now fulfils. */
function settle(state: AgentState): AgentEffect[] {
  if (state.turn.phase !== 'idle') return [];
  return [...settleAttaches(state), ...settleResets(state)];
}

function react(state: AgentState, event: AgentEvent): AgentEffect[] {
  switch (event.event) {
    case 'asked-attach':
      return beginAttach(state, event.request, event.ask);
    case 'attach-granted':
      return endAttachGrant(state, event.request, event.grant);
    case 'asked-hold':
      return beginHold(state, event.request, event.ask);
    case 'hold-granted':
      return endHoldGrant(state, event.request, event.grant);
    case 'hold-dropped':
      return dropHold(state, event.network, event.address);
    case 'moving':
      return beginSeek(state, event.request, event.door, event.sandboxPath);
    case 'end-sought':
      return endSeek(state, event.endpoint, event.found);
    case 'described':
      return describe(state, event.door, event.words);
    case 'door-noticed':
      return noteDoorNotices(state, event.notices);
    case 'host-noticed':
      return noteHostNotices(state, event.notices);
    case 'published':
      return endPublish(state, event.endpoint, event.generation, event.outcome);
    case 'asked-detach':
      return beginDetach(state, event.request, event.ask);
    case 'detach-granted':
      return endDetachGrant(state, event.endpoint, event.refused);
    case 'blocks-acquired':
      return endAcquire(state, event.network);
    case 'blocks-returned':
      return endHandBack(state, event.network, event.outcome);
    case 'adopted':
      state.wishesNothing = false;
      return markUrgent(state);
    case 'asked-around':
      return tellAtOnce(state);
    case 'asked-reset':
      return beginReset(state, event.request);
    case 'surveyed':
      return takeSurvey(state, event.survey);
    case 'port-holders-found':
      return notePortHolders(state, event.holders);
    case 'stations-published':
      return endPublishStations(state, event.adoption);
    case 'journal-written':
      return plugWhileFlushing(state, event.key as Id);
    case 'journaled':
      return [
        ...noteJournaled(state, event.key, event.entry),
        ...forgetDetached(state, event.key as Id),
        ...noteHandBackJournaled(state, event.key),
      ];
    case 'journal-failed':
      giveUpHandBack(state, event.key);
      return [...failJournal(state, event.key, event.rejection), ...renewNotices(state)];
    case 'heard':
      return [
        ...hear(state, event.message),
        ...hearExposures(state, event.message),
        ...answerLate(state, event.message),
      ];
    case 'view-kept':
      // Not one of before a restored store was heard.
      if (event.revision <= state.view.revision) state.session.keptRevision = event.revision;
      return [];
    case 'disconnected':
      return loseSession(state, event.reason, event.refusal);
    case 'kernel-changed':
      forgetStanding(state, event.changes);
      hastenSeeks(state, event.changes);
      return hearKernel(state, event.changes);
    case 'missed':
      return hearMisses(state, event.misses);
    case 'claimed':
      return hearClaims(state, event.claims);
    case 'found-idle':
      return dropIdle(state, event.rows);
    case 'observed':
      return takeLook(state, event.state);
    case 'observe-failed':
      return failLook(state, event.text);
    case 'applied':
      return endTurn(state, event.results);
    case 'shortcut-ended':
      return event.purpose.answers
        ? answerMisses(state, event.purpose.answers, event.results)
        : endShortcut(state, event.purpose, event.results);
    case 'unplugged':
      return endUnplug(state, event.endpoints, event.results);
    case 'resolver-came':
      return greetResolver(state, event.revision);
    case 'resolver-gone':
      return loseResolver(state);
    case 'resolver-troubled':
      return hearTroubles(state, event.troubles);
    case 'tick':
      return beat(state);
  }
}

/** What time alone brings. */
function beat(state: AgentState): AgentEffect[] {
  wake(state);
  forgetAllowances(state);
  forgetVain(state);
  return [
    ...watchSession(state),
    ...comeBackToRest(state),
    ...timeOutAttaches(state),
    ...endHolds(state),
    ...keepJournalAgain(state),
    ...publishAll(state),
    ...publishStations(state),
    ...survey(state),
    ...findPortHolders(state),
    ...askAgainToDetach(state),
    ...releaseOrphans(state),
    ...keepExposed(state),
    ...handBack(state),
    ...findIdle(state),
    ...retryTurn(state),
    ...reportStatus(state),
  ];
}
