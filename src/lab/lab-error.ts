/** Why the lab cannot do what was asked, and what to do next. */
export class LabError extends Error {
  override readonly name = 'LabError';
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}
