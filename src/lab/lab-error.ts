/** Why the lab cannot do what was asked, and what to do next. */
export class LabError extends Error {
  override readonly name = 'LabError';
  readonly next: string;
  /** What another program said, with its line breaks; shown before the message. */
  readonly details: string;

  constructor(message: string, next: string, details = '') {
    super(message);
    this.next = next;
    this.details = details.trimEnd();
  }
}
