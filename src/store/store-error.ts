/** The store could not do it: `text` is the other side's own words. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: 'full' | 'corrupt' | 'locked' | 'unreadable' | 'closed' | 'newer-schema' | 'other';
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** What a person should do. */
  readonly next: string;

  constructor(code: StoreError['code'], message: string, next: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'full' || code === 'locked';
    this.next = next;
  }
}
