import { type Logger, pino } from 'pino';

/**
 * A daemon's log: a JSON object a line, on stdout. Where it cannot be written, its terminal gone or its disk full, the
 * daemon goes on, and ends without it. On a full disk it is written later; of what else fails nobody will read any more.
 */
export function openLog(name: string, level: string): Logger {
  const destination = pino.destination({ dest: process.stdout.fd });
  // An error without this ends the process, in which pino then tries for ever to write what is left.
  destination.on('error', ({ code }: NodeJS.ErrnoException) => {
    destination.flushSync = () => {};
    if (code !== 'ENOSPC') destination.write = () => true;
  });
  return pino({ name, level }, destination);
}
