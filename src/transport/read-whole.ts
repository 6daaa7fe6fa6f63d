import type http from 'node:http';
import { Code, ConnectError } from '@connectrpc/connect';

/** A body. Rejects with ConnectError `resource_exhausted` when it is larger than that; what else fails as it comes. */
export function readWhole(
  message: http.IncomingMessage,
  mostBytes = Number.POSITIVE_INFINITY,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    message.on('data', (part: Buffer) => {
      size += part.length;
      if (size <= mostBytes) parts.push(part);
      else reject(new ConnectError(`is larger than ${mostBytes} bytes`, Code.ResourceExhausted));
    });
    message.on('end', () => resolve(parts.length === 1 ? parts[0]! : Buffer.concat(parts)));
    message.on('error', reject);
  });
}
