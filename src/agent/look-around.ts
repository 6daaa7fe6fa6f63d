import type { Survey } from '#model/survey.ts';
import type { AgentEffect } from './event.ts';
import { ownAdoptions } from './scope.ts';
import type { AgentState } from './state.ts';
import { markStirred } from './turn.ts';

/** It starts two programs. */
const SURVEY_INTERVAL_MS = 10_000;

/** Now and then, while there are adopted bridges; at once when the first is adopted. */
export function survey(state: AgentState): AgentEffect[] {
  const bridges = ownAdoptions(state).map(({ bridge }) => bridge);
  if (bridges.length === 0 || state.nowMs < state.surveyAtMs) return [];
  state.surveyAtMs = Number.POSITIVE_INFINITY;
  return [{ effect: 'survey', bridges }];
}

export function takeSurvey(state: AgentState, survey: Survey): AgentEffect[] {
  state.survey = survey;
  state.surveyAtMs = state.nowMs + SURVEY_INTERVAL_MS;
  return markStirred(state);
}
