/** Why the lab cannot do what was asked, and what to do next. */
export class LabError extends Error {
  override readonly name = 'LabError';
  readonly next: string;
  /** What another program said, with its line breaks; shown before the message. */
  readonly details: string;
  /** As scripts hear of it (cli/exit-code.ts). */
  readonly exit: 'failed' | 'notFound';

  constructor(message: string, next: string, details = '', exit: LabError['exit'] = 'failed') {
    super(message);
    this.next = next;
    this.exit = exit;
    this.details = details.trimEnd();
  }
}

/** What was named is not there. */
export const absent = (message: string, next: string): LabError =>
  new LabError(message, next, '', 'notFound');
