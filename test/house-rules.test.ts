import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

/**
 * The picture of the house, held against the code. Each rule says why it is there: who wants to break one should
 * first change the picture (ARCHITECTURE.md), and this table with it.
 */

/** What a room may import of ours. `*` is everything. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  intent: ['model'],
  store: ['model'],
  plan: ['model'],
  netlink: [],
  kernel: ['model', 'netlink'],
  packet: [],
  dns: ['model'],
  api: ['model'],
  resolver: ['model', 'dns', 'api', 'netlink'],
  transport: ['model', 'api'],
  controller: ['model', 'api', 'intent', 'store', 'plan', 'transport'],
  agent: [
    'model',
    'api',
    'intent',
    'plan',
    'kernel',
    'packet',
    'transport',
    'store/journal.ts',
    'store/store-error.ts',
    'store/sync-directory.ts',
    'netlink/netlink-error.ts',
  ],
  docker: ['model', 'api', 'transport/socket-file.ts'],
  // It loads the long-running roles and the lab on demand, and knows no more of them than how to start them. What it
  // shows of addresses it judges by intent's own rules, so that nobody is told otherwise than admission decides.
  cli: [
    'model',
    'api',
    'intent',
    'plan',
    'packet',
    'transport',
    'controller/config.ts',
    'controller/main.ts',
    'agent/config.ts',
    'agent/main.ts',
    'lab/command.ts',
  ],
  lab: ['*'],
};

/** Only a composition root may import any room: it is where the house is put together. */
const isCompositionRoot = (file: string): boolean => path.basename(file) === 'main.ts';

/** Rooms without clock, chance, files or sockets: the same input gives the same output, so a run can be replayed. */
const PURE_ROOMS = ['model', 'intent', 'plan', 'packet', 'dns'];
/** Cores decide; their interpreters act. A core that reached for the clock could not be simulated. */
const PURE_FILES = [
  'controller/core.ts',
  'controller/follow.ts',
  'controller/authorize.ts',
  'controller/ask-others.ts',
  'controller/free-blocks.ts',
  'agent/core.ts',
  'agent/attach.ts',
  'agent/settle-attach.ts',
  'agent/granting.ts',
  'agent/held.ts',
  'agent/hold.ts',
  'agent/door-attach.ts',
  'agent/door-handle.ts',
  'agent/seek-end.ts',
  'agent/retell.ts',
  'agent/publish.ts',
  'agent/own-word.ts',
  'agent/orphans.ts',
  'agent/rest.ts',
  'agent/hand-back.ts',
  'agent/shortcut.ts',
  'agent/misses.ts',
  'agent/miss-limit.ts',
  'agent/question.ts',
  'agent/standing-rows.ts',
  'agent/vain-questions.ts',
  'agent/idle-rows.ts',
  'agent/detach.ts',
  'agent/names.ts',
  'agent/session.ts',
  'agent/turn.ts',
  'agent/scope.ts',
  'agent/report.ts',
  'docker/plan-sync.ts',
];
const IMPURE =
  /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|performance\.now|process\.)|from 'node:/;

/** Loaded by a browser one day: nothing of Node in them. */
const BROWSER_SAFE_ROOMS = ['model', 'api', 'plan', 'packet', 'intent'];

/** Where state, wiring and decisions meet in one file, nobody finds anything again. */
const LONGEST_FILE_LINES = 400;

interface SourceFile {
  /** Relative to src/. */
  readonly file: string;
  readonly room: string;
  readonly text: string;
  /** Imported files relative to src/, types included. */
  readonly imports: readonly string[];
}

const SRC = path.resolve(import.meta.dirname, '../src');

function readSources(): SourceFile[] {
  return fs
    .readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('api/gen/'))
    .map((file) => {
      const text = fs.readFileSync(path.join(SRC, file), 'utf8');
      return { file, room: file.split('/')[0]!, text, imports: importsOf(file, text) };
    });
}

function importsOf(file: string, text: string): string[] {
  const specifiers = [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => match[1]!);
  return specifiers.flatMap((specifier) => {
    if (specifier.startsWith('#')) return [specifier.slice(1)];
    if (specifier.startsWith('.')) return [path.join(path.dirname(file), specifier)];
    return [];
  });
}

const isTest = (file: string): boolean => /\.(test|contract|testdata)\.ts$|\/test-[a-z-]+\.ts$/.test(file);

const sources = readSources();
const product = sources.filter(({ file }) => !isTest(file));

describe('imports', () => {
  test('each room imports only the rooms that the picture lets it, so that a change has a known reach', () => {
    const broken = product
      .filter(({ file }) => !isCompositionRoot(file))
      .flatMap(({ file, room, imports }) =>
        imports
          .filter((target) => target.split('/')[0] !== room)
          .filter((target) => !mayImport(room, target))
          .map((target) => `${file} → ${target}`),
      );
    expect(broken).toEqual([]);
  });

  test('every room is in the picture', () => {
    expect([...new Set(sources.map(({ room }) => room))].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
  });

  test('across rooms an import names the room, so that each import line shows it', () => {
    const relative = sources.flatMap(({ file, text }) =>
      [...text.matchAll(/from '(\.[^']+)'/g)]
        .filter(([, target]) => path.join(path.dirname(file), target!).split('/')[0] !== file.split('/')[0])
        .map(([, target]) => `${file} → ${target}`),
    );
    expect(relative).toEqual([]);
  });

  test('no barrels: an import leads to where the thing is', () => {
    expect(sources.filter(({ file }) => path.basename(file) === 'index.ts')).toEqual([]);
  });

  test('no cycles between files of different rooms, nor between rooms', () => {
    const edges = new Map<string, Set<string>>();
    for (const { file, room, imports } of product) {
      if (isCompositionRoot(file)) continue;
      const targets = edges.get(room) ?? new Set();
      for (const target of imports) if (target.split('/')[0] !== room) targets.add(target.split('/')[0]!);
      edges.set(room, targets);
    }
    expect(findCycle(edges)).toEqual([]);
  });
});

describe('purity', () => {
  test.each(PURE_ROOMS)('%s reaches for no clock, chance, file or process', (room) => {
    expect(impurities(product.filter((source) => source.room === room))).toEqual([]);
  });

  test('neither do the sans-I/O cores', () => {
    expect(PURE_FILES.filter((file) => !fs.existsSync(path.join(SRC, file)))).toEqual([]);
    expect(impurities(product.filter(({ file }) => PURE_FILES.includes(file)))).toEqual([]);
  });

  test.each(BROWSER_SAFE_ROOMS)('%s is browser-safe', (room) => {
    const broken = product.filter(
      (source) => source.room === room && /from 'node:|\bBuffer\b/.test(source.text),
    );
    expect(broken.map(({ file }) => file)).toEqual([]);
  });
});

describe('size and safety', () => {
  test(`no file is longer than ${LONGEST_FILE_LINES} lines`, () => {
    const long = sources.filter(({ text }) => text.split('\n').length > LONGEST_FILE_LINES);
    expect(long.map(({ file }) => file)).toEqual([]);
  });

  test('no shell: names from outside never meet one', () => {
    const shells = product.filter(({ text }) => /\bexecSync\(|\bexec\(\s*[`'"]|shell:\s*true/.test(text));
    expect(shells.map(({ file }) => file)).toEqual([]);
  });

  test('koffi is touched in one module, so that another way to call libc can replace it', () => {
    const users = product.filter(({ text }) =>
      /from 'koffi'|import\('koffi'\)|require\('koffi'\)/.test(text),
    );
    expect(users.map(({ file }) => file)).toEqual(['netlink/libc.ts']);
  });

  test('every room says what happens in it', () => {
    const mute = Object.keys(MAY_IMPORT).filter((room) => !fs.existsSync(path.join(SRC, room, 'README.md')));
    expect(mute).toEqual([]);
  });
});

function mayImport(room: string, target: string): boolean {
  const allowed = MAY_IMPORT[room] ?? [];
  return allowed.some((entry) => entry === '*' || target === entry || target.startsWith(`${entry}/`));
}

const impurities = (files: readonly SourceFile[]): string[] =>
  files.flatMap(({ file, text }) =>
    text
      .split('\n')
      .filter((line) => IMPURE.test(line) && !/^\s*(\/?\*|\/\/)/.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );

/** Names one cycle, or nothing. */
function findCycle(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const done = new Set<string>();
  const visit = (node: string, trail: readonly string[]): string[] => {
    if (trail.includes(node)) return [...trail.slice(trail.indexOf(node)), node];
    if (done.has(node)) return [];
    for (const next of edges.get(node) ?? []) {
      const cycle = visit(next, [...trail, node]);
      if (cycle.length > 0) return cycle;
    }
    done.add(node);
    return [];
  };
  for (const node of edges.keys()) {
    const cycle = visit(node, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}
