/**
 * From where we ask at the nameserver's address: our rule lets it pass, so it comes to who was asked before Weft. By no mark: flows are
 * told apart by their addresses and ports alone, a container's next question may have the port that one of ours had a
 * moment ago, and would follow it to whom does not know our names.
 */
export const ASKS_FROM = '127.87.69.70';

/** As in a header. */
export const addressBytes = (ip: string): Uint8Array => Uint8Array.from(ip.split('.'), Number);
