import { countOf } from '../count-of.ts';
import { isPrivileged } from '../holder.ts';
import { Interrupted } from '../interrupt.ts';
import { LabError } from '../lab-error.ts';
import { type Paint, paint } from '../paint.ts';
import { showProgress } from '../progress.ts';
import { onDockerLab } from './docker-lab.ts';
import { drawLesson } from './draw-lesson.ts';
import { findEngine } from './find-engine.ts';
import * as joinedBridges from './lessons/joined-bridges.ts';
import * as outside from './lessons/outside.ts';
import * as overlay from './lessons/overlay.ts';
import * as twoOverlays from './lessons/two-overlays.ts';
import { type Lesson, Notebook } from './notebook.ts';

/** Each builds on those before. */
const LESSONS = [joinedBridges, overlay, twoOverlays, outside];

/** What `--json` gives. */
export interface DockerReport {
  /** Of the engine, as it says. */
  readonly version: string;
  readonly lessons: readonly Lesson[];
  readonly verdict: { readonly ok: boolean; readonly claims: number; readonly broken: number };
}

/** Each lesson is shown when it is done. Exit code 0 when every claim holds. */
export async function runDocker(options: {
  readonly engine?: string;
  readonly json?: boolean;
}): Promise<number> {
  if (!isPrivileged())
    throw new LabError('a Docker engine needs root', 'run it as root; weft lab demo needs none');
  const colours = paint(process.stdout);
  const programs = findEngine(options.engine);
  const progress = showProgress();
  try {
    const report = await onDockerLab(programs, progress, async (stage, signal) => {
      const lessons: Lesson[] = [];
      for (const { TITLE: title, QUESTION: question, teach } of LESSONS) {
        const notes = new Notebook(stage, signal);
        const lesson = { title, question, entries: notes.entries };
        await progress.step(
          `lesson ${lessons.push(lesson)}`,
          () => teach(notes),
          () => title,
        );
        if (!options.json) process.stdout.write(drawLesson(lesson, colours));
      }
      return judge(await stage.engine('h1').docker('version', '-f', '{{.Server.Version}}'), lessons);
    });
    process.stdout.write(
      options.json ? `${JSON.stringify(report, undefined, 2)}\n` : drawVerdict(report, colours),
    );
    return report.verdict.ok ? 0 : 1;
  } catch (error) {
    if (error instanceof Interrupted) return error.exitCode;
    throw error;
  }
}

function judge(version: string, lessons: readonly Lesson[]): DockerReport {
  const claims = lessons.flatMap(({ entries }) => entries.filter(({ entry }) => entry === 'claim'));
  const broken = claims.filter((claim) => claim.entry === 'claim' && !claim.holds).length;
  return { version, lessons, verdict: { ok: broken === 0, claims: claims.length, broken } };
}

function drawVerdict(
  { version, verdict: { ok, claims, broken } }: DockerReport,
  { good, bad }: Paint,
): string {
  const what = `Docker ${version}, ${countOf(claims, 'claim')}: `;
  return `\n ${what}${ok ? good('all hold.') : bad(`${broken} do not hold.`)}\n`;
}
