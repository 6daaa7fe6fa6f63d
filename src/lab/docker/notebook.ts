import type { DockerStage } from './docker-stage.ts';

/** What a lesson has shown, in its order. */
export type Entry =
  /** A command on a host, as a user types it, with what it says. */
  | {
      readonly entry: 'typed';
      readonly host: string;
      readonly command: string;
      readonly output: string;
      readonly failed: boolean;
    }
  /** What to look at in the output above, and why it is so. */
  | { readonly entry: 'look'; readonly text: string }
  | { readonly entry: 'claim'; readonly text: string; readonly holds: boolean };

export interface Lesson {
  readonly title: string;
  /** The words of someone who types it by hand. */
  readonly question: string;
  readonly entries: readonly Entry[];
}

/** Types commands on the hosts of a stage, and writes down what is seen. */
export class Notebook {
  readonly entries: Entry[] = [];
  private readonly stage: DockerStage;
  private readonly signal: AbortSignal;

  constructor(stage: DockerStage, signal: AbortSignal) {
    this.stage = stage;
    this.signal = signal;
  }

  /** `docker …`, `weft …`, `ip …`; words do not hold spaces. A command that fails has told something, too. */
  async type(host: string, command: string): Promise<string> {
    const { output, failed } = await this.ask(host, command);
    this.entries.push({ entry: 'typed', host, command, output, failed });
    return output;
  }

  look(text: string): void {
    this.entries.push({ entry: 'look', text });
  }

  /** Held against what the hosts say, and against nothing that Weft says of itself. */
  claim(text: string, holds: boolean): void {
    this.entries.push({ entry: 'claim', text, holds });
  }

  /** Like {@link type}, unseen. */
  async ask(host: string, command: string): Promise<{ output: string; failed: boolean }> {
    this.signal.throwIfAborted();
    const [program, ...words] = command.split(' ') as [string, ...string[]];
    const engine = this.stage.engine(host);
    const said =
      program === 'docker'
        ? engine.docker(...words)
        : program === 'weft'
          ? this.stage.weft(host, ...words)
          : engine.machine.exec(program, ...words);
    return said.then(
      (output) => ({ output, failed: false }),
      ({ stdout = '', stderr = '' }) => ({ output: `${stdout}${stderr}`.trimEnd(), failed: true }),
    );
  }

  /** Asks until it is so, for some seconds; whether it became so. */
  async becomes(check: () => Promise<boolean>): Promise<boolean> {
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; ) if (await check()) return true;
    return false;
  }

  reaches = async (host: string, container: string, target: string): Promise<boolean> =>
    !(await this.ask(host, ping(container, target))).failed;

  /** That it can ping at all is made sure of: a container that does not run reaches nobody, and shows nothing. */
  reachesNot = async (host: string, container: string, target: string): Promise<boolean> =>
    (await this.reaches(host, container, '127.0.0.1')) && !(await this.reaches(host, container, target));
}

const PATIENCE_MS = 10_000;

export const ping = (container: string, target: string): string =>
  `docker exec ${container} /bin/busybox ping -c 1 -W 1 ${target}`;

/** A container that sleeps. */
export const run = (name: string, ...flags: readonly string[]): string =>
  ['docker run -d --stop-signal KILL --name', name, ...flags, 'busybox /bin/busybox sleep 1000000'].join(' ');

export const addressOf = async (
  notes: Notebook,
  host: string,
  container: string,
  network: string,
): Promise<string> => {
  const format = `{{.NetworkSettings.Networks.${network}.IPAddress}}`;
  return (await notes.ask(host, `docker inspect -f ${format} ${container}`)).output;
};
