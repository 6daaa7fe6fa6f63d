import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { corruptError, fileError, unreadableError } from './file-error.ts';

/*
 * LMDB maps its file into memory and believes every offset that it finds there: a garbled page is a SIGSEGV, an abort
 * or an answer with records missing. So the file is walked here first, in plain reads that can only fail. What a file
 * looks like: mdb.c of lmdb-js 3.5 (its pages have a header of 24 bytes, 8 more than stock LMDB's), little endian.
 *
 *   page   0 pgno u64 · 8 txnid u64 · 16 pad u16 · 18 flags u16 · 20 lower u16 · 22 upper u16 (overflow: 20 pages u32)
 *   meta  24 magic u32 · 28 version u32 · 40 mapsize u64 · 48 free tree · 96 main tree · 144 last page · 152 txnid
 *   tree   0 pad u32 (free tree: page size) · 4 flags u16 · 6 depth u16 · 8 branch, 16 leaf, 24 overflow pages · 32 entries · 40 root
 *   node   0 low u16 · 2 high u16 · 4 flags u16 · 6 key size u16 · 8 key, data
 */
const HEADER = 24;
/** How large the file may grow. Address space, not memory and not disk. */
export const LMDB_MAP_BYTES = 2 ** 36;
const META_END = 160;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const META = 0x08;
/** MDB_NOSUBDIR (how we open it) and MDB_INTEGERKEY (the free tree's keys); the main tree is plain. */
const FREE_TREE_FLAGS = 0x4008;
const BIG_DATA = 0x01;
/** P_INVALID, the root of an empty tree. */
const NO_PAGE = Number(2n ** 64n - 1n);

interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  readonly root: number;
}

interface Meta {
  readonly pageSize: number;
  readonly free: Tree;
  readonly main: Tree;
  readonly lastPage: number;
  readonly txnId: number;
}

interface LeafNode {
  readonly key: Buffer;
  readonly value: Buffer;
}

type OnEntry = (key: Buffer, value: Buffer) => void;

/**
 * Walks everything that LMDB would ever follow in that closed file and hands out each entry, in key order. Throws
 * StoreError 'corrupt' at the first thing that is not as LMDB leaves it; 'unreadable' if it cannot be read.
 */
export function checkLmdbFile(path: string, onEntry: OnEntry): void {
  let fd: number | undefined;
  try {
    // Looked at before it is opened: a FIFO would keep us waiting.
    if (!statSync(path).isFile()) throw unreadableError(path, 'is not a file');
    fd = openSync(path, 'r');
    new LmdbCheck(path, fd).run(onEntry);
  } catch (error) {
    throw fileError(error, path);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const u64 = (bytes: Buffer, offset: number): number => Number(bytes.readBigUInt64LE(offset));
const compareIntegers = (a: Buffer, b: Buffer): number => u64(a, 0) - u64(b, 0);

const readTree = (page: Buffer, offset: number): Tree => ({
  flags: page.readUInt16LE(offset + 4),
  depth: page.readUInt16LE(offset + 6),
  branchPages: u64(page, offset + 8),
  leafPages: u64(page, offset + 16),
  overflowPages: u64(page, offset + 24),
  entries: u64(page, offset + 32),
  root: u64(page, offset + 40),
});

class LmdbCheck {
  private readonly path: string;
  private readonly fd: number;
  private readonly meta: Meta;
  /** Every page is either in one tree, once, or free, once: otherwise LMDB would some day write over live data. */
  private readonly claimed: Uint8Array;

  constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
    this.meta = this.readMeta();
    this.claimed = new Uint8Array(this.meta.lastPage + 1);
  }

  run(onEntry: OnEntry): void {
    new TreeWalk(this.meta.main, 'main', Buffer.compare, this).run(onEntry);
    new TreeWalk(this.meta.free, 'free', compareIntegers, this).run((freedBy, list) => {
      this.must(u64(freedBy, 0) >= 1 && u64(freedBy, 0) <= this.meta.txnId, 'the free tree is garbled');
      this.claimFree(list);
    });
    const { lastPage, pageSize } = this.meta;
    const isBehindTheEnd = lastPage * pageSize >= fstatSync(this.fd).size;
    this.must(!isBehindTheEnd || this.claimed[lastPage] === 1, 'cut off');
  }

  fail(problem: string): never {
    throw corruptError(this.path, problem);
  }

  must(condition: boolean, problem: string): void {
    if (!condition) this.fail(problem);
  }

  claim(first: number, count: number): void {
    const inside = first >= 2 && first + count - 1 <= this.meta.lastPage;
    this.must(inside, `page ${first} is outside the file`);
    for (let page = first; page < first + count; page++) {
      this.must(this.claimed[page] === 0, `page ${page} is used twice`);
      this.claimed[page] = 1;
    }
  }

  /** A page that a tree points to, claimed, with its common header checked. */
  readPage(number: number, flags: number): Buffer {
    this.claim(number, 1);
    const page = this.readAt(number * this.meta.pageSize, this.meta.pageSize);
    const sound =
      u64(page, 0) === number && u64(page, 8) <= this.meta.txnId && page.readUInt16LE(18) === flags;
    this.must(sound, `page ${number} has a garbled header`);
    return page;
  }

  /** A value that was too large for its leaf: pages in a row, with a header on the first only. */
  readOverflow(number: number, pages: number, size: number): Buffer {
    const first = this.readPage(number, OVERFLOW);
    this.must(
      first.readUInt32LE(20) === pages && HEADER + size <= pages * this.meta.pageSize,
      `overflow page ${number} is garbled`,
    );
    this.claim(number + 1, pages - 1);
    return this.readAt(number * this.meta.pageSize + HEADER, size);
  }

  private readAt(offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    const got = readSync(this.fd, bytes, 0, length, offset);
    this.must(got === length, `cut off at byte ${offset + got}`);
    return bytes;
  }

  /** Both meta pages must be sound and consecutive: LMDB would take a garbled one for an older or newer state. */
  private readMeta(): Meta {
    const pageSize = this.readAt(0, META_END).readUInt32LE(48);
    const powerOfTwo = (pageSize & (pageSize - 1)) === 0;
    this.must(powerOfTwo && pageSize >= 512 && pageSize <= 65536, 'is not an LMDB file (page size)');
    const [even, odd] = [this.readMetaPage(0, pageSize), this.readMetaPage(1, pageSize)];
    const [old, latest] = even.txnId < odd.txnId ? [even, odd] : [odd, even];
    this.must(latest.txnId === old.txnId + 1, 'its two meta pages do not belong together');
    return latest;
  }

  private readMetaPage(number: number, pageSize: number): Meta {
    const page = this.readAt(number * pageSize, META_END);
    const magic = page.readUInt32LE(HEADER) === MAGIC && page.readUInt32LE(HEADER + 4) === VERSION;
    this.must(magic, `is not an LMDB file (meta page ${number})`);
    const [free, main] = [readTree(page, 48), readTree(page, 96)];
    const meta = { pageSize, free, main, lastPage: u64(page, 144), txnId: u64(page, 152) };
    const sound =
      u64(page, 0) === number &&
      page.readUInt16LE(18) === META &&
      page.readUInt32LE(48) === pageSize &&
      (meta.lastPage + 1) * pageSize <= LMDB_MAP_BYTES &&
      free.flags === FREE_TREE_FLAGS &&
      main.flags === 0 &&
      meta.txnId % 2 === number;
    this.must(sound, `meta page ${number} is garbled`);
    return meta;
  }

  /**
   * One list of free pages: a count, then page numbers; 0 is an empty place, and -n says that the number after it
   * begins a run of n pages (midl.c of lmdb-js).
   */
  private claimFree(list: Buffer): void {
    const count = list.length >= 8 ? u64(list, 0) : NO_PAGE;
    this.must(count <= list.length / 8 - 1, 'a list of free pages is garbled');
    for (let i = 1; i <= count; i++) {
      const entry = Number(list.readBigInt64LE(i * 8));
      if (entry > 0) this.claim(entry, 1);
      if (entry >= 0) continue;
      this.must(i < count && -entry <= this.meta.lastPage, 'a list of free pages is garbled');
      this.claim(u64(list, ++i * 8), -entry);
    }
  }
}

/** One B-tree, from its root in key order. */
class TreeWalk {
  private readonly tree: Tree;
  private readonly name: string;
  private readonly compare: (a: Buffer, b: Buffer) => number;
  private readonly file: LmdbCheck;
  private readonly seen = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };
  private previous: Buffer | undefined;
  /** The separator above the leaf: no key of it may be smaller. */
  private floor: Buffer | undefined;

  constructor(tree: Tree, name: string, compare: (a: Buffer, b: Buffer) => number, file: LmdbCheck) {
    this.tree = tree;
    this.name = name;
    this.compare = compare;
    this.file = file;
  }

  run(onEntry: OnEntry): void {
    const { tree, seen } = this;
    if (tree.root !== NO_PAGE) this.visit(tree.root, 1, onEntry);
    else this.file.must(tree.depth === 0, `the ${this.name} tree has lost its root`);
    const counted =
      seen.branchPages === tree.branchPages &&
      seen.leafPages === tree.leafPages &&
      seen.overflowPages === tree.overflowPages &&
      seen.entries === tree.entries;
    this.file.must(counted, `the ${this.name} tree has lost pages or entries`);
  }

  private visit(number: number, level: number, onEntry: OnEntry): void {
    const isLeaf = level === this.tree.depth;
    this.file.must(level <= this.tree.depth, `the ${this.name} tree is too deep`);
    const page = this.file.readPage(number, isLeaf ? LEAF : BRANCH);
    const nodes = this.readNodes(page, number, isLeaf);
    if (isLeaf) this.seen.leafPages++;
    else this.seen.branchPages++;
    nodes.forEach((offset, index) => {
      if (isLeaf) this.visitEntry(this.readLeaf(page, offset), onEntry);
      else this.visitChild(page, offset, index, level, onEntry);
    });
  }

  private visitChild(page: Buffer, offset: number, index: number, level: number, onEntry: OnEntry): void {
    if (index > 0) {
      const separator = this.readKey(page, offset);
      this.file.must(
        this.previous === undefined || this.compare(this.previous, separator) < 0,
        `the ${this.name} tree is out of order`,
      );
      this.floor = separator;
    }
    // The flags of a branch node are the page number's top bits.
    const child = page.readUIntLE(offset, 6);
    this.visit(child, level + 1, onEntry);
  }

  private visitEntry({ key, value }: LeafNode, onEntry: OnEntry): void {
    const inOrder =
      (this.previous === undefined || this.compare(this.previous, key) < 0) &&
      (this.floor === undefined || this.compare(this.floor, key) <= 0);
    this.file.must(inOrder, `the ${this.name} tree is out of order`);
    this.previous = key;
    this.seen.entries++;
    onEntry(key, value);
  }

  /** Where the nodes of a page begin, after a check that they fill its upper part exactly. */
  private readNodes(page: Buffer, number: number, isLeaf: boolean): number[] {
    const garbled = `page ${number} is garbled`;
    const room = page.length - HEADER;
    const [lower, upper] = [page.readUInt16LE(20), page.readUInt16LE(22)];
    this.file.must(lower > 0 && lower % 2 === 0 && lower <= upper && upper <= room, garbled);
    let used = 0;
    const offsets: number[] = [];
    for (let i = 0; i < lower; i += 2) {
      const offset = page.readUInt16LE(HEADER + i);
      this.file.must(offset >= upper && offset + 8 <= room, garbled);
      const size = nodeSize(page, HEADER + offset, isLeaf);
      this.file.must(offset + size <= room, garbled);
      used += size + (size % 2);
      offsets.push(HEADER + offset);
    }
    this.file.must(used === room - upper, garbled);
    return offsets;
  }

  private readKey(page: Buffer, offset: number): Buffer {
    const key = page.subarray(offset + 8, offset + 8 + page.readUInt16LE(offset + 6));
    this.file.must(this.name === 'main' || key.length === 8, 'a key of the free tree is garbled');
    return key;
  }

  private readLeaf(page: Buffer, offset: number): LeafNode {
    const key = this.readKey(page, offset);
    const size = page.readUInt32LE(offset);
    const data = offset + 8 + key.length;
    if (!isBig(page, offset)) return { key, value: page.subarray(data, data + size) };
    const [first, pages] = [u64(page, data), u64(page, data + 16)];
    this.seen.overflowPages += pages;
    return { key, value: this.file.readOverflow(first, pages, size) };
  }
}

const isBig = (page: Buffer, offset: number): boolean => page.readUInt16LE(offset + 4) === BIG_DATA;

/** The bytes that a node takes: header, key and, on a leaf, the value or the place of its overflow pages. */
function nodeSize(page: Buffer, offset: number, isLeaf: boolean): number {
  const head = 8 + page.readUInt16LE(offset + 6);
  if (!isLeaf) return head;
  if (isBig(page, offset)) return head + 24;
  // Sub-databases and duplicates are LMDB's, not ours: with their flags set the node is made not to fit.
  return page.readUInt16LE(offset + 4) === 0 ? head + page.readUInt32LE(offset) : Number.POSITIVE_INFINITY;
}
