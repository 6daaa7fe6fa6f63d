import { formatIpv6, parseIp } from './address.ts';
import { concat, u16, u24 } from './bytes.ts';
import { sumWords } from './checksum.ts';
import { carriedProtocol } from './ip-protocol.ts';
import { malformed, type Part, type Reading, read, tooShort } from './part.ts';

/** include/uapi/linux/in6.h; `IPPROTO_HOPOPTS` stands before every MLD report. */
const IPPROTO_HOPOPTS = 0;
const IPPROTO_ROUTING = 43;
const IPPROTO_FRAGMENT = 44;
const IPPROTO_AH = 51;
const IPPROTO_DSTOPTS = 60;

/** RFC 8200, extension headers included in the layer's span. */
export function readIpv6(part: Part): Reading {
  const short = tooShort(part, 'ipv6', 40);
  if (short) return short;
  const { frame, start } = part;
  if (frame[start]! >> 4 !== 6) return malformed(part, 'ipv6', `version ${frame[start]! >> 4}`);
  const payloadLength = u16(frame, start + 4);
  // 0 stands for "more than 64 KiB" in the kernel's super-packets (BIG TCP) and for "nothing" elsewhere.
  const claimed = payloadLength === 0 ? part.end : start + 40 + payloadLength;
  const chain = skipExtensions(frame, start + 40, Math.min(claimed, part.end), frame[start + 6]!);
  if (typeof chain === 'string') return malformed(part, 'ipv6', chain);

  const { extensions, protocol, end, moreFragments, fragmentOffset } = chain;
  const routed = extensions.includes(IPPROTO_ROUTING);
  return read(
    {
      layer: 'ipv6',
      source: formatIpv6(frame, start + 8),
      destination: formatIpv6(frame, start + 24),
      hopLimit: frame[start + 7]!,
      protocol,
      trafficClass: (u16(frame, start) >> 4) & 0xff,
      flowLabel: u24(frame, start + 1) & 0xfffff,
      payloadLength,
      extensions,
      moreFragments,
      fragmentOffset,
      start,
      end,
    },
    {
      protocol: fragmentOffset > 0 ? 'payload' : carriedProtocol(6, protocol),
      end: claimed,
      // With a routing header the checksum is over the final destination, which is not this header's.
      addressSum: routed ? undefined : sumWords(frame, start + 8, start + 40),
      fragment: moreFragments || fragmentOffset > 0,
    },
  );
}

interface Chain {
  extensions: number[];
  protocol: number;
  end: number;
  moreFragments: boolean;
  fragmentOffset: number;
}

/** Walks from `at` to the first header that is no extension. Every step is at least 8 bytes, so it ends. */
function skipExtensions(frame: Uint8Array, at: number, end: number, first: number): Chain | string {
  const chain: Chain = { extensions: [], protocol: first, end: at, moreFragments: false, fragmentOffset: 0 };
  while (isExtension(chain.protocol) && chain.fragmentOffset === 0) {
    const here = chain.end;
    if (end - here < 8) return `extension header ${chain.protocol} cut short`;
    if (chain.protocol === IPPROTO_FRAGMENT) {
      chain.fragmentOffset = u16(frame, here + 2) & 0xfff8;
      chain.moreFragments = (frame[here + 3]! & 1) !== 0;
    }
    const length = extensionLength(chain.protocol, frame[here + 1]!);
    if (end - here < length) return `extension header ${chain.protocol} cut short`;
    chain.extensions.push(chain.protocol);
    chain.protocol = frame[here]!;
    chain.end = here + length;
  }
  return chain;
}

function isExtension(protocol: number): boolean {
  return (
    protocol === IPPROTO_HOPOPTS ||
    protocol === IPPROTO_ROUTING ||
    protocol === IPPROTO_FRAGMENT ||
    protocol === IPPROTO_AH ||
    protocol === IPPROTO_DSTOPTS
  );
}

/** In bytes: units of 8 after the first 8, but AH counts units of 4 after the first 8 (RFC 4302), and a fragment's is fixed. */
function extensionLength(protocol: number, field: number): number {
  if (protocol === IPPROTO_FRAGMENT) return 8;
  return protocol === IPPROTO_AH ? 8 + 4 * field : 8 + 8 * field;
}

export function encodeIpv6(
  header: { source: string; destination: string; protocol: number; hopLimit: number },
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return concat(
    Uint8Array.of(0x60, 0, 0, 0, payload.length >> 8, payload.length, header.protocol, header.hopLimit),
    parseIp(header.source),
    parseIp(header.destination),
    payload,
  );
}
