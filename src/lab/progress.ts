import { paint } from './paint.ts';

/** Tells what is being done and how long it took, one line a step. */
export interface Progress {
  /** Runs a step; its line ends with what the step returns. */
  step<T>(title: string, work: () => Promise<T>, describe: (result: T) => string): Promise<T>;
}

/** On stderr, so that stdout holds results only. On a terminal a running step shows at once. */
export function showProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const colours = paint(stream);
  const begin = performance.now();
  const head = (title: string) => {
    const seconds = ((performance.now() - begin) / 1000).toFixed(2).padStart(6);
    return `${colours.dim(`${seconds} s`)}  ${colours.bold(title.padEnd(10))} `;
  };
  return {
    async step(title, work, describe) {
      if (stream.isTTY) stream.write(`${head(title)}${colours.dim('…')}`);
      try {
        const result = await work();
        stream.write(`${clear(stream)}${head(title)} ${describe(result)}\n`);
        return result;
      } catch (error) {
        stream.write(stream.isTTY ? '\n' : '');
        throw error;
      }
    },
  };
}

const clear = (stream: NodeJS.WriteStream): string => (stream.isTTY ? '\r\u001b[2K' : '');
