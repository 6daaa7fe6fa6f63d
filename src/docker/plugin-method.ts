import type { z } from 'zod';
import { PluginError } from './plugin-error.ts';

/**
 * Answers the body of one call; what it throws is told to Docker. The signal ends what it waits for: dockerd itself
 * would wait for ever. It may come twice, since dockerd repeats what it got no answer to.
 */
export type PluginMethod = (body: string, signal: AbortSignal) => Promise<object>;

/** By `Type.Method`. */
export type PluginMethods = Readonly<Record<string, PluginMethod>>;

/** A method with arguments: nothing of a body is believed before the schema took it. */
export const method =
  <S extends z.ZodType>(
    schema: S,
    run: (request: z.output<S>, signal: AbortSignal) => object | Promise<object>,
  ): PluginMethod =>
  async (body, signal) => {
    const result = schema.safeParse(parseJson(body));
    if (result.success) return run(result.data, signal);
    const issues = result.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
    throw new PluginError(`this is no such request: ${issues.join('; ')}`);
  };

/** A method that needs no arguments; dockerd sends an empty body, or some that do not matter. */
export const plainMethod =
  (answer: object): PluginMethod =>
  async () =>
    answer;

/** dockerd repeats a call whose connection broke with the same, by then drained, body: empty is not `{}`. */
function parseJson(body: string): unknown {
  if (body.trim() === '') throw new PluginError('the request has no body; try again');
  try {
    return JSON.parse(body);
  } catch {
    throw new PluginError('the body of the request is not JSON');
  }
}
