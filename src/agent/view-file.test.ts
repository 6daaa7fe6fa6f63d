import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { Snapshot } from '#model/snapshot.ts';
import { ViewFile } from './view-file.ts';

const steps = vi.hoisted(() => [] as string[]);
vi.mock('#store/sync-directory.ts', () => ({
  syncDirectory: async (directory: string) => {
    const names = fs.readdirSync(directory);
    await sleep(20);
    steps.push(`flushed ${names}`);
  },
}));

test('what could not be written is written when it can be', async () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-view-'));
  const directory = path.join(root, 'state');
  const kept: number[] = [];
  const log = pino({ level: 'silent' });
  const file = new ViewFile(path.join(directory, 'view'), new Snapshot([], 7), log, (revision) => {
    kept.push(revision);
  });
  try {
    file.keepSoon();
    await sleep(800);
    expect(kept).toEqual([]);
    fs.mkdirSync(directory);
    await expect.poll(() => kept, { timeout: 10_000 }).toEqual([7]);
  } finally {
    await file.close();
    fs.rmSync(root, { recursive: true });
  }
});

test('is kept when its name is flushed: before that a power cut may bring the one before it back', async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-view-'));
  const log = pino({ level: 'silent' });
  steps.length = 0;
  const file = new ViewFile(path.join(directory, 'view'), new Snapshot([], 7), log, (revision) => {
    steps.push(`kept ${revision}`);
  });
  file.keepSoon();
  await file.close();
  expect(steps).toEqual(['flushed view', 'kept 7']);
  fs.rmSync(directory, { recursive: true });
});
