import type { Survey } from '#model/survey.ts';
import type { AgentEffect } from './event.ts';
import { forwardsAny } from './forwarding.ts';
import { ownAdoptions } from './scope.ts';
import type { AgentState } from './state.ts';
import { markStirred } from './turn.ts';

/** It starts two programs. */
const SURVEY_INTERVAL_MS = 10_000;

/** Now and then, while there are adopted bridges or something is forwarded; at once when the first is. */
export function survey(state: AgentState): AgentEffect[] {
  const bridges = ownAdoptions(state).map(({ bridge }) => bridge);
  const forwarding = forwardsAny(state);
  if ((bridges.length === 0 && !forwarding) || state.nowMs < state.surveyAtMs) return [];
  state.surveyAtMs = Number.POSITIVE_INFINITY;
  return [{ effect: 'survey', bridges, forwarding }];
}

export function takeSurvey(state: AgentState, survey: Survey): AgentEffect[] {
  state.survey = survey;
  state.surveyAtMs = state.nowMs + SURVEY_INTERVAL_MS;
  return markStirred(state);
}
