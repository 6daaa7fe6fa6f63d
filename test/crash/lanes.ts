/** Things of which there are only so many, made when first needed: who needs one waits for its turn. */
export class Lanes<T> {
  private readonly make: () => Promise<T>;
  private readonly free: T[] = [];
  private readonly waiting: (() => void)[] = [];
  private left: number;

  constructor(count: number, make: () => Promise<T>) {
    this.left = count;
    this.make = make;
  }

  async take(): Promise<T> {
    while (this.left === 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.left--;
    return this.free.pop() ?? this.make();
  }

  /** Without the thing if it was spoiled. */
  giveBack(thing?: T): void {
    this.left++;
    if (thing !== undefined) this.free.push(thing);
    this.waiting.shift()?.();
  }

  /** Those that nobody has. */
  get idle(): readonly T[] {
    return this.free;
  }
}
