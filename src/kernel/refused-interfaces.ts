import { isFilter } from '#model/filter.ts';
import type { KernelOp, OpError } from '#model/kernel-op.ts';
import { HOST_NAMESPACE } from '#model/kernel-state.ts';
import { opError } from './op-error.ts';

/**
 * The interfaces that this list was to make and could not. What is there under such a name belongs to somebody
 * else (a container that has an `eth0` already), so the rest of the list must not dress it.
 */
export class RefusedInterfaces {
  readonly #refusals = new Map<string, OpError>();

  /** Remembers a link that could not be made, with a veth its other end, and one that could not be guarded. */
  note({ verb, object }: KernelOp, error: OpError): void {
    // In the host's own namespace a tunnel's chains are named after it; elsewhere they are for all.
    if (object.kind === 'chain' && object.ns === HOST_NAMESPACE && verb !== 'delete')
      this.#refusals.set(`${object.ns} ${object.name.replace(/-(in|out)$/, '')}`, error);
    if (verb !== 'add' || object.kind !== 'link') return;
    this.#refusals.set(`${object.ns} ${object.name}`, error);
    const peer = object.detail.type === 'veth' ? object.detail.peer : undefined;
    if (peer) this.#refusals.set(`${peer.ns} ${peer.name}`, error);
  }

  /** Why an op is off limits, if it is. Deleting never is: what is to go was seen, and was ours. */
  refusalOf(op: KernelOp): OpError | undefined {
    const { verb, object } = op;
    if (this.#refusals.size === 0 || verb === 'delete') return undefined;
    if (object.kind === 'namespace' || object.kind === 'setting' || isFilter(object)) return undefined;
    const refusal = this.#refusals.get(`${object.ns} ${object.kind === 'link' ? object.name : object.dev}`);
    return refusal && opError(op, refusal.errno, `its interface could not be made: ${refusal.text}`);
  }
}
