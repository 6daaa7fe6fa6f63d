import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { Snapshot } from '#model/snapshot.ts';
import { ViewFile } from './view-file.ts';

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
