/** Whom containers ask: Docker's own resolver has this address in every container, and so it is where Weft's is. */
export const NAMESERVER = '127.0.0.11';

/** On what we ask on: our own rule lets it pass, so it comes to who was asked before Weft. */
export const MARK = 0x57e;

/** As in a header. */
export const addressBytes = (ip: string): Uint8Array => Uint8Array.from(ip.split('.'), Number);
