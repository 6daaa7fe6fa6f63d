import { constants } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isFilter } from '#model/filter.ts';
import { type KernelOp, type OpError, type OpResult, singleOps } from '#model/kernel-op.ts';
import type { Fdb, Link, NamespaceName, Neighbour } from '#model/kernel-state.ts';
import type { Rows } from '#model/rows.ts';
import { BATCH_SIZE } from '#netlink/conversation.ts';
import type { Request } from '#netlink/message.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { type PlainNeighbour, packNewNeighbour } from '#netlink/route/neighbour.ts';
import { writeAddress } from './address.ts';
import { deleteLinks } from './delete-links.ts';
import { writeFdb } from './fdb.ts';
import { FilterBatch } from './filter-batch.ts';
import type { FilterOp } from './filter-write.ts';
import { writeLink } from './link-write.ts';
import { addNamespace, deleteNamespace } from './namespace.ts';
import { writeNeighbour } from './neighbour.ts';
import { opError } from './op-error.ts';
import type { Outbox, Recovery } from './outbox.ts';
import { peerDresses } from './peer-dress.ts';
import type { PermitOp } from './permit.ts';
import { RefusedInterfaces } from './refused-interfaces.ts';
import { writeRoute } from './route.ts';
import { RowWriter } from './row-writer.ts';
import { writeSetting } from './setting.ts';
import { catchUp, isLate } from './settle.ts';
import type { Visit, Visits } from './visit.ts';

/** Messages written before others on the event loop have a turn: some 10 ms. */
const MESSAGES_PER_TURN = 4000;

const { ENODEV, ENOENT, ESRCH, EADDRNOTAVAIL } = constants.errno;
/** What the kernel answers to the deletion of what is not there. */
const ABSENT: ReadonlySet<number> = new Set([ENODEV, ENOENT, ESRCH, EADDRNOTAVAIL]);

interface Letter {
  readonly index: number;
  readonly request: Request;
  readonly recovery?: Recovery;
}

/** Of these there are thousands. */
export const isRow = ({ object: { kind } }: KernelOp): boolean => kind === 'fdb' || kind === 'neighbour';

/** On which nothing builds, and which are not in each other's way. */
const isLeaf = (op: KernelOp): boolean =>
  isRow(op) || op.object.kind === 'address' || op.object.kind === 'route';

/**
 * One run through a list of ops. Messages wait in a batch for as long as the next ones are for the same namespace and
 * need nothing that the waiting ones make.
 */
export class Application implements Outbox {
  readonly #ops: readonly KernelOp[];
  readonly #visits: Visits;
  readonly #batchSize: number;
  /** Sought when the first link is written. */
  #dresses: ReadonlyMap<string, Link> | undefined;
  readonly #refused = new RefusedInterfaces();
  readonly #results: OpResult[];
  #waiting: Letter[] = [];
  #waitingFor: Visit | undefined;
  /** The ops of the rows that wait. Rows wait by themselves: all goes out in the order of the ops. */
  #rows: number[] = [];
  /** Rules and sets that wait, by themselves too. */
  #filters: FilterBatch | undefined;
  /** All that are no rows, of which there are too many to be gone through once more. */
  readonly #others: number[] = [];
  /** Of ops with many rows: by op and row. */
  readonly #refusedRows = new Map<KernelOp, Map<number, OpError>>();
  /** The op that is being written. */
  #index = 0;
  #written = 0;

  constructor(ops: readonly KernelOp[], visits: Visits, batchSize = BATCH_SIZE) {
    this.#ops = ops;
    this.#visits = visits;
    this.#batchSize = batchSize;
    this.#results = ops.map((op) => ({ ok: true, op }));
  }

  async run(): Promise<OpResult[]> {
    while (this.#index < this.#ops.length) {
      const op = this.#ops[this.#index]!;
      const { verb, object } = op;
      if (op.verb === 'add' && op.rows) await this.#writeRows(op, op.rows);
      else if (object.kind === 'namespace') await this.#writeNamespace(verb, object.ns);
      else if (object.kind === 'link' && verb === 'delete') await this.#deleteLinks();
      else this.#write();
      this.#index++;
      if (this.#written >= MESSAGES_PER_TURN) await this.#breathe();
    }
    this.flush();
    this.#noteLate();
    return this.#refusedRows.size === 0
      ? this.#results
      : this.#results.flatMap((result) => this.#each(result));
  }

  /** One for each row, when some were refused. */
  #each(result: OpResult): OpResult | OpResult[] {
    const refused = this.#refusedRows.get(result.op);
    if (!refused) return result;
    return singleOps([result.op]).map((op, row) => {
      const error = refused.get(row);
      return error ? { ok: false, op, error } : { ok: true, op };
    });
  }

  visit(ns: NamespaceName): Visit {
    return this.#visits.to(ns);
  }

  index(visit: Visit, dev: string): number {
    const known = visit.knownIndexOf(dev);
    if (known !== undefined) return known;
    this.flush();
    return visit.indexOf(dev);
  }

  send(visit: Visit, request: Request, recovery?: Recovery): void {
    if (this.#waitingFor !== visit || this.#rows.length > 0 || this.#filters) this.flush();
    this.#waitingFor = visit;
    this.#waiting.push({ index: this.#index, request, recovery });
    this.#written++;
  }

  sendRow(visit: Visit, row: PlainNeighbour, mode: 'replace' | 'append'): void {
    const isFull = this.#rows.length >= this.#batchSize;
    if (this.#waitingFor !== visit || this.#waiting.length > 0 || isFull || this.#filters) this.flush();
    const { packed } = visit.conversation;
    if (!packNewNeighbour(packed, row, mode)) {
      this.flush();
      packNewNeighbour(packed, row, mode);
    }
    this.#waitingFor = visit;
    this.#rows.push(this.#index);
    this.#written++;
  }

  #sendFilter(op: FilterOp | PermitOp): void {
    const visit = this.visit(op.object.ns);
    if (this.#filters?.visit !== visit || !this.#filters.add(this.#index, op)) {
      this.flush();
      this.#filters = new FilterBatch(visit);
      this.#filters.add(this.#index, op);
    }
    this.#written++;
  }

  async #breathe(): Promise<void> {
    this.flush();
    this.#written = 0;
    await nextTurn();
  }

  /** Writes the messages of the op whose turn it is. */
  #write(): void {
    const op = this.#ops[this.#index]!;
    // The one that may build on an address; of those before it all must be settled.
    if (op.object.kind === 'route' && this.#ops[this.#index - 1]?.object.kind !== 'route') this.flush();
    const error = this.#refused.refusalOf(op);
    if (error) this.#results[this.#index] = { ok: false, op, error };
    else this.#encode(op);
    if (isRow(op) || isFilter(op.object)) return;
    this.#others.push(this.#index);
    // What is there already may have to be looked at and mended, before anything builds on it.
    if (op.verb === 'add' && !isLeaf(op)) this.flush();
    this.#noteTime(this.#index, performance.now());
  }

  #noteLate(): void {
    for (const index of this.#others) catchUp(this.#ops[index]!, this.#visits);
    for (const index of this.#others) {
      const result = this.#results[index]!;
      if (result.ok && isLate(result.op, this.#visits)) this.#results[index] = { ...result, late: true };
    }
  }

  #noteTime(index: number, atMs: number): void {
    const result = this.#results[index]!;
    const { object } = result.op;
    if (result.ok && object.kind === 'link' && object.detail.type === 'vxlan')
      this.#results[index] = { ...result, atMs };
  }

  #encode(op: KernelOp): void {
    const { verb, object } = op;
    try {
      if (isFilter(object)) this.#sendFilter(op as FilterOp | PermitOp);
      else if (object.kind === 'fdb') writeFdb(this, verb, object);
      else if (object.kind === 'neighbour') writeNeighbour(this, verb, object);
      else if (object.kind === 'link' && op.verb !== 'delete') {
        this.#dresses ??= peerDresses(this.#ops);
        writeLink(this, op, object, this.#dresses);
      } else if (object.kind === 'setting') writeSetting(this, verb, object);
      else if (object.kind === 'address') writeAddress(this, op, object);
      else if (object.kind === 'route') writeRoute(this, verb, object);
    } catch (error) {
      this.#settle(this.#index, error);
    }
  }

  /** Sends what waits, and takes down what became of it. */
  flush(): void {
    const [letters, rows, visit, filters] = [this.#waiting, this.#rows, this.#waitingFor, this.#filters];
    this.#filters = undefined;
    this.#waiting = [];
    this.#rows = [];
    this.#waitingFor = undefined;
    filters?.write((index, refusal) => this.#settle(index, refusal));
    if (!visit) return;
    if (rows.length > 0) {
      for (const [place, refusal] of visit.conversation.sendPacked()) this.#settle(rows[place]!, refusal);
      return;
    }
    const requests = letters.map(({ request }) => request);
    const outcomes = visit.conversation.batch(requests, { batchSize: this.#batchSize });
    outcomes.forEach((outcome, i) => {
      if (outcome) this.#recover(letters[i]!, outcome);
    });
  }

  #recover({ index, recovery }: Letter, refusal: NetlinkError): void {
    try {
      const error = recovery ? recovery(refusal) : refusal;
      if (error) this.#settle(index, error);
    } catch (error) {
      this.#settle(index, error);
    }
  }

  /** The first refusal of an op is its result. Deleting what is absent is none. */
  #settle(index: number, error: unknown): void {
    if (!(error instanceof NetlinkError)) throw error;
    const op = this.#ops[index]!;
    if (op.verb === 'delete' && ABSENT.has(error.errno)) return;
    if (!this.#results[index]!.ok) return;
    const result = opError(op, error.code, error.text);
    this.#refused.note(op, result);
    this.#results[index] = { ok: false, op, error: result };
  }

  async #writeRows(op: KernelOp & { readonly verb: 'add' }, rows: Rows): Promise<void> {
    this.flush();
    const refused = new Map<number, OpError>();
    const refuse = (row: number, code: string, text?: string): void => {
      refused.set(row, opError({ verb: 'add', object: rows.at(row) }, code, text));
      this.#refusedRows.set(op, refused);
    };
    const refuseAll = (code: string, text?: string): void => {
      for (let row = 0; row < rows.length; row++) refuse(row, code, text);
    };
    const first = op.object as Fdb | Neighbour;
    const error = this.#refused.refusalOf({ verb: 'add', object: first });
    if (error) return refuseAll(error.errno, error.text);
    try {
      const visit = this.visit(first.ns);
      const writer = new RowWriter(visit, this.index(visit, first.dev), first, rows);
      while (!writer.isDone) {
        this.#written += writer.write(this.#batchSize, (row, { code, text }) => refuse(row, code, text));
        if (this.#written >= MESSAGES_PER_TURN) await this.#breathe();
      }
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      refuseAll(error.code, error.text);
    }
  }

  async #writeNamespace(verb: KernelOp['verb'], ns: NamespaceName): Promise<void> {
    this.flush();
    try {
      if (verb === 'delete') await deleteNamespace(this.#visits, ns);
      else await addNamespace(ns);
    } catch (error) {
      this.#settle(this.#index, error);
    }
  }

  /** All link deletions up to the next op of another sort; leaves off at the last of them. */
  async #deleteLinks(): Promise<void> {
    this.flush();
    const links: Link[] = [];
    const first = this.#index;
    for (const { verb, object } of this.#ops.slice(first)) {
      if (verb !== 'delete' || object.kind !== 'link') break;
      links.push(object);
    }
    const beganMs = performance.now();
    const outcomes = await deleteLinks(this.#visits, links);
    outcomes.forEach((error, i) => {
      this.#noteTime(first + i, beganMs);
      if (error) this.#settle(first + i, error);
    });
    this.#index += links.length - 1;
  }
}
