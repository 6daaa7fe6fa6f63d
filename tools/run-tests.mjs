// Everything that CI runs: types, lint, all vitest projects on this Node, and unit tests and the bundle's demo on the
// other Node versions that Weft supports. The last line is "N passed, N failed, N skipped".
//
// What waits for the kernel and for engines leaves the processors idle for most of the time. So what only computes
// (types, lint, unit tests, the simulator's broken variants) runs beside it, on what it leaves; its output follows when
// it is done. The simulator's seeds come first: they are to take three minutes at most, which is seen only where they
// have a processor to themselves.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_MAJORS = [20, 22, 24];
const root = fileURLToPath(new URL('..', import.meta.url));
const ownMajor = Number(process.versions.node.split('.')[0]);
let runs = 0;
const total = { passed: 0, failed: 0, skipped: 0 };
/** What to tell once more at the end, where a reader of a long run looks first. */
const troubles = [];
/** Failed tests that had others' work beside them, and where in `troubles` each is told. */
const suspects = [];
/** More are no matter of chance. */
const MOST_SUSPECTS = 3;
const results = mkdtempSync(path.join(tmpdir(), 'weft-tests-'));
const besideLog = path.join(results, 'beside.log');

/** Where things run. */
const ahead = { wrap: [], stdio: 'inherit', say: (text) => console.log(text), options: [] };
const log = openSync(besideLog, 'a');
const beside = {
  wrap: ['nice', '-n', '19'],
  stdio: ['ignore', log, log],
  say: (text) => writeSync(log, `${text}\n`),
  // How long it computes depends on what the others leave.
  options: ['--testTimeout=900000'],
};

const title = ({ say }, text) => say(`\n── ${text} ${'─'.repeat(Math.max(0, 96 - text.length))}`);

/** True when it ended well. */
function run({ wrap, stdio, say }, file, args) {
  const [program, ...words] = [...wrap, file, ...args];
  return new Promise((resolve) => {
    const child = spawn(program, words, { cwd: root, stdio });
    child.on('error', ({ message }) => {
      say(`${program}: ${message}`);
      resolve(false);
    });
    child.on('close', (status) => resolve(status === 0));
  });
}

/** A step that is no test of its own: counted only when it fails. */
function step({ say }, text, ok) {
  if (ok) return;
  say(`FAILED: ${text}`);
  troubles.push(`FAILED: ${text}`);
  total.failed += 1;
}

/** Keeps the failed and the skipped tests of one project's results, each with the head of what it said. */
function keepTroubles(lane, project, { testResults }) {
  for (const { name, message, assertionResults } of testResults) {
    const file = path.relative(root, name);
    if (message) troubles.push(`FAILED: ${project}: ${file}\n${message}`);
    for (const { status, fullName, failureMessages } of assertionResults) {
      if (status === 'passed') continue;
      const said = failureMessages.map((text) => text.slice(0, 1500)).join('\n');
      troubles.push(`${status.toUpperCase()}: ${project}: ${file}: ${fullName}\n${said}`.trimEnd());
      if (status === 'failed' && lane === ahead)
        suspects.push({ project, file, fullName, at: troubles.length - 1 });
    }
  }
}

/**
 * What speaks with real hosts has limits of time (a fault is healed within a second) and shares two processors here. With
 * the machine to itself it has to pass; that it did not at first is told all the same.
 */
async function tryAgain({ project, file, fullName, at }) {
  title(ahead, `once more, alone: ${file}: ${fullName}`);
  const again = await vitest(ahead, project, [file, '-t', `^${fullName.replace(/[^\w\s]/g, '.')}$`]);
  if (again?.numPassedTests !== 1 || again.numFailedTests > 0) return;
  total.failed -= 1;
  total.passed += 1;
  troubles[at] = troubles[at].replace('FAILED', 'UNSTABLE, passed when it was run once more');
}

/** Runs the chosen files of one vitest project. Gives what its JSON reporter says, if it came to that, and `ok`. */
async function vitest(lane, project, chosen, node = process.execPath) {
  const file = path.join(results, `${++runs}.json`);
  const program = path.join('node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const words = ['--project', project, ...chosen, ...lane.options, ...reporters];
  const ok = await run(lane, node, [program, 'run', ...words]);
  return existsSync(file) ? { ok, ...JSON.parse(readFileSync(file, 'utf8')) } : undefined;
}

/** Runs one vitest project, or the files of it whose paths have that word, and adds its counts. */
async function runProject(lane, project, { word, node } = {}) {
  const json = await vitest(lane, project, word ? [word] : [], node);
  if (!json) return step(lane, `${project}: vitest gave no results`, false);
  total.passed += json.numPassedTests;
  total.failed += json.numFailedTests;
  total.skipped += json.numPendingTests + json.numTodoTests;
  keepTroubles(lane, project, json);
  // A file that does not load, or an error outside of any test, fails the run without a failed test.
  if (json.numFailedTests === 0) step(lane, `project ${project}`, json.ok);
}

/** The program `node` of that major version: this one, or one from the registry's plain packages, kept in .cache. */
async function nodeOf(lane, major) {
  if (major === ownMajor) return process.execPath;
  const directory = path.join(root, '.cache', `node-${major}`);
  const name = `node-linux-${process.arch}`;
  const node = path.join(directory, 'node_modules', name, 'bin', 'node');
  if (existsSync(node)) return node;
  mkdirSync(directory, { recursive: true });
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error', '--ignore-scripts'];
  const ok = await run(lane, 'npm', ['install', ...quiet, '--prefix', directory, `${name}@${major}`]);
  return ok ? node : undefined;
}

/** What no other test does on that version: load the bundle, with its native parts, and bring a whole lab up. */
function smoke(node) {
  const shape = ['--name', 'smoke', '--hosts', '2', '--containers', '1'];
  const lab = ['dist/weft.js', 'lab', 'demo', '--json', '--down', ...shape];
  const { status, stdout, stderr } = spawnSync(node, lab, { cwd: root, encoding: 'utf8' });
  if (status === 0 && JSON.parse(stdout).verdict.ok) {
    total.passed += 1;
    console.log('weft lab demo: every pair reached, no network leaked');
  } else {
    step(ahead, `weft lab demo: exit ${status}\n${stderr}${stdout}`, false);
  }
}

async function simulateThenWaitForTheKernel() {
  const projects = [
    ['faults', 'test/sim.test.ts'],
    ['kernel'],
    ['cluster'],
    ['conformance'],
    ['faults', 'test/cluster'],
  ];
  for (const [project, word] of projects) {
    title(ahead, `${project} tests, ${word ? `${word}, ` : ''}Node ${process.versions.node}`);
    await runProject(ahead, project, { word });
  }
}

/** Gives the versions of Node that are there. */
async function compute() {
  title(beside, 'types and lint');
  step(beside, 'types', await run(beside, 'npm', ['run', '--silent', 'typecheck']));
  step(beside, 'lint', await run(beside, 'npm', ['run', '--silent', 'lint']));
  title(beside, `unit tests, Node ${process.versions.node}`);
  await runProject(beside, 'unit');
  title(beside, `the simulator's broken variants, Node ${process.versions.node}`);
  await runProject(beside, 'faults', { word: 'test/sim-mutants.test.ts' });
  const nodes = [];
  for (const major of NODE_MAJORS) {
    const node = await nodeOf(beside, major);
    if (node) nodes.push([major, node]);
    else step(beside, `Node ${major} could not be fetched`, false);
    if (!node || major === ownMajor) continue;
    title(beside, `unit tests, Node ${major}`);
    await runProject(beside, 'unit', { node });
  }
  return nodes;
}

const [nodes] = await Promise.all([compute(), simulateThenWaitForTheKernel()]);
console.log(readFileSync(besideLog, 'utf8'));
for (const [major, node] of nodes) {
  title(ahead, `Node ${major}: the demo`);
  smoke(node);
}
if (suspects.length <= MOST_SUSPECTS) for (const suspect of suspects) await tryAgain(suspect);
rmSync(results, { recursive: true });

if (troubles.length > 0) {
  title(ahead, 'what did not pass, once more');
  console.log(troubles.join('\n\n'));
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
