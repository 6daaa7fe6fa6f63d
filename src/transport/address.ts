import { type Parsed, parsed, unparsed } from '#model/parsed.ts';

/** Where a server is: a unix socket, or TCP with or without TLS. */
export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: boolean };

export const DEFAULT_PORT = 7470;

/** Reads `unix:///path`, a bare absolute path, `https://…`, or `http://…` on loopback: nobody listens otherwise. */
export function parseAddress(text: string): Parsed<Address> {
  const path = text.startsWith('unix://') ? text.slice('unix://'.length) : text;
  // sun_path holds 108 bytes with the final NUL (linux/un.h).
  if (path.startsWith('/'))
    return Buffer.byteLength(path) <= 107
      ? parsed({ kind: 'unix', path })
      : unparsed('is longer than the 107 bytes of a socket path', 'use a shorter directory');
  const match = /^(https?):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?\/?$/.exec(text);
  const port = Number(match?.[3] ?? DEFAULT_PORT);
  if (!match || port < 1 || port > 65535)
    return unparsed('is not an address', 'write unix:///run/weft/controller.sock or https://10.0.0.1:7470');
  const host = match[2]!.replace(/^\[|\]$/g, '');
  const tls = match[1] === 'https';
  if (!tls && !isLoopback(host))
    return unparsed(
      'would carry plain text across machines',
      `write ${formatAddress({ kind: 'tcp', host, port, tls: true })} and give certificates`,
    );
  return parsed({ kind: 'tcp', host, port, tls });
}

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

export const formatAddress = (address: Address): string =>
  address.kind === 'unix'
    ? `unix://${address.path}`
    : `${address.tls ? 'https' : 'http'}://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
