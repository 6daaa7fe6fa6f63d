import { RealKernel as Shipped } from '#kernel/real-kernel.ts';

/** One message a send, so that a process can die between any two. */
export class RealKernel extends Shipped {
  constructor() {
    super({ batchSize: 1 });
  }
}
