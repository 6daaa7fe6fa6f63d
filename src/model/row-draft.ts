import type { Ip } from './ip.ts';
import { PackedTunnelEnd, type TunnelEnd } from './network-endpoints.ts';
import { ROW_IP, ROW_MAC, ROW_WORDS } from './row-kind.ts';
import { IPV6, ipToWords, macToWords, NO_IP } from './words.ts';

/** The addresses of a row as words, filled anew for each: what is packed already needs no text in between. */
export class RowDraft {
  readonly words: Uint32Array = new Uint32Array(ROW_WORDS);
  ipForm = NO_IP;

  setMac(end: TunnelEnd): void {
    if (end instanceof PackedTunnelEnd) end.copyMac(this.words, ROW_MAC);
    else macToWords(end.mac, this.words, ROW_MAC);
  }

  setIp(ip: Ip | undefined): void {
    this.ipForm = ipToWords(ip, this.words, ROW_IP);
  }

  /** Its address in that place; false if it has none. */
  setAddress(end: TunnelEnd, slot: number): boolean {
    if (end instanceof PackedTunnelEnd) this.ipForm = end.copyAddress(slot, this.words, ROW_IP);
    else this.setIp(end.addresses[slot]);
    return this.ipForm !== NO_IP;
  }

  /** That of its MAC (RFC 4291, appendix A): `02:00:00:00:00:05` → `fe80::ff:fe00:5`. */
  setLinkLocal(): void {
    const { words } = this;
    const [high, low] = [words[ROW_MAC]!, words[ROW_MAC + 1]!];
    words[ROW_IP] = 0xfe800000;
    words[ROW_IP + 1] = 0;
    words[ROW_IP + 2] = ((high ^ 0x0200) << 16) | ((low >>> 24) << 8) | 0xff;
    words[ROW_IP + 3] = 0xfe000000 | (low & 0xffffff);
    this.ipForm = IPV6;
  }
}
