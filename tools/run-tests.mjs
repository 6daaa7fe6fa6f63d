// Everything that CI runs: types, lint, all vitest projects on this Node, and unit tests and the bundle's demo on the
// other Node versions that Weft supports. The last line is "N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
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
const results = mkdtempSync(path.join(tmpdir(), 'weft-tests-'));

const title = (text) => console.log(`\n── ${text} ${'─'.repeat(Math.max(0, 96 - text.length))}`);

/** Runs in the foreground; true when it ended well. */
function run(file, args) {
  const { status, error } = spawnSync(file, args, { cwd: root, stdio: 'inherit' });
  if (error) console.error(`${file}: ${error.message}`);
  return status === 0;
}

/** A step that is no test of its own: counted only when it fails. */
function step(text, ok) {
  if (ok) return;
  console.error(`FAILED: ${text}`);
  troubles.push(`FAILED: ${text}`);
  total.failed += 1;
}

/** Keeps the failed and the skipped tests of one project's results, each with the head of what it said. */
function keepTroubles(project, { testResults }) {
  for (const { name, message, assertionResults } of testResults) {
    const file = path.relative(root, name);
    if (message) troubles.push(`FAILED: ${project}: ${file}\n${message}`);
    for (const { status, fullName, failureMessages } of assertionResults) {
      if (status === 'passed') continue;
      const said = failureMessages.map((text) => text.slice(0, 1500)).join('\n');
      troubles.push(`${status.toUpperCase()}: ${project}: ${file}: ${fullName}\n${said}`.trimEnd());
    }
  }
}

/** Runs one vitest project and adds its counts. */
function runProject(project, node = process.execPath) {
  const file = path.join(results, `${++runs}.json`);
  const vitest = path.join('node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const ok = run(node, [vitest, 'run', '--project', project, ...reporters]);
  if (!existsSync(file)) return step(`${project}: vitest gave no results`, false);
  const json = JSON.parse(readFileSync(file, 'utf8'));
  total.passed += json.numPassedTests;
  total.failed += json.numFailedTests;
  total.skipped += json.numPendingTests + json.numTodoTests;
  keepTroubles(project, json);
  // A file that does not load, or an error outside of any test, fails the run without a failed test.
  if (json.numFailedTests === 0) step(`project ${project}`, ok);
}

/** The program `node` of that major version: this one, or one from the registry's plain packages, kept in .cache. */
function nodeOf(major) {
  if (major === ownMajor) return process.execPath;
  const directory = path.join(root, '.cache', `node-${major}`);
  const name = `node-linux-${process.arch}`;
  const node = path.join(directory, 'node_modules', name, 'bin', 'node');
  if (existsSync(node)) return node;
  mkdirSync(directory, { recursive: true });
  const options = [
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
    '--loglevel=error',
    '--ignore-scripts',
    '--prefix',
    directory,
  ];
  return run('npm', ['install', ...options, `${name}@${major}`]) ? node : undefined;
}

/** What no other test does on that version: load the bundle, with its native parts, and bring a whole lab up. */
function smoke(node) {
  const lab = [
    'dist/weft.js',
    'lab',
    'demo',
    '--json',
    '--down',
    '--name',
    'smoke',
    '--hosts',
    '2',
    '--containers',
    '1',
  ];
  const { status, stdout, stderr } = spawnSync(node, lab, { cwd: root, encoding: 'utf8' });
  if (status === 0 && JSON.parse(stdout).verdict.ok) {
    total.passed += 1;
    console.log('weft lab demo: every pair reached, no network leaked');
  } else {
    step(`weft lab demo: exit ${status}\n${stderr}${stdout}`, false);
  }
}

title('types and lint');
step('types', run('npm', ['run', '--silent', 'typecheck']));
step('lint', run('npm', ['run', '--silent', 'lint']));
for (const project of ['unit', 'kernel', 'cluster', 'conformance', 'faults']) {
  title(`${project} tests, Node ${process.versions.node}`);
  runProject(project);
}
for (const major of NODE_MAJORS) {
  title(`Node ${major}: unit tests and the demo`);
  const node = nodeOf(major);
  if (!node) {
    step(`Node ${major} could not be fetched`, false);
    continue;
  }
  if (major !== ownMajor) runProject('unit', node);
  smoke(node);
}
rmSync(results, { recursive: true });

if (troubles.length > 0) {
  title('what did not pass, once more');
  console.log(troubles.join('\n\n'));
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
