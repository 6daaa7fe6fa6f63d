/** What people are told about the state of things: a stable code, a title, a sentence and the next step. */
export interface Notice {
  readonly code: string;
  readonly title: string;
  readonly sentence: string;
  readonly next: string;
}

export const formatNotice = ({ code, title, sentence, next }: Notice): string =>
  `${title} [${code}]: ${sentence} Next: ${next}`;
