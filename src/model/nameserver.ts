/** Whom containers ask: Docker's own resolver has this address in every container, and so it is where Weft's is. */
export const NAMESERVER = '127.0.0.11';
