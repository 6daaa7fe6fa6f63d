import { afterAll, beforeAll, expect, test } from 'vitest';
import { gatewayMac } from '#model/gateway.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import { TUNNEL_MODES } from '#model/tunnel-mode.ts';
import { addressBytes } from '#model/words.ts';
import { kernelJson } from '../world/namespaces.ts';
import { ping } from '../world/talk.ts';
import { HOSTS, ThreeHosts } from '../world/three-hosts.ts';
import { tunnelledWhile } from '../world/tunnelled.ts';
import { buildIfStale } from './lab-cli.ts';

/** Every host is the gateway to its own containers, by one address and one MAC, and no frame of it is seen elsewhere. */

const net = new ThreeHosts();
beforeAll(async () => {
  buildIfStale();
  await net.start();
});
afterAll(() => net.remove());

test.each(TUNNEL_MODES)(
  'in mode %s the gateway is next door, and no other host hears of it',
  async (mode) => {
    const hosts = mode === 'p2p' ? HOSTS.slice(0, 2) : HOSTS;
    const { id } = await net.network('red', { mode });
    await net.attachAll('red', hosts);
    for (const gateway of ['10.1.0.1', 'fd00:1::1']) {
      const container = net.containerOn('h1');
      const crossed = await tunnelledWhile(net.hostNamespace('h1'), () => ping(container, gateway));
      const mac = Buffer.from(gatewayMac(id as Id).replaceAll(':', ''), 'hex');
      const own = [Buffer.from(addressBytes(gateway as Ip)), mac];
      const about = crossed.filter(({ inner }) => own.some((bytes) => Buffer.from(inner).includes(bytes)));
      expect(about.map(({ inner }) => Buffer.from(inner).toString('hex'))).toEqual([]);
      for (const host of hosts) {
        expect(await ping(net.containerOn(host), gateway)).toBe(true);
        const [neighbour] = kernelJson<{ lladdr: string }>(
          'ip',
          net.containerOn(host),
          'neigh',
          'show',
          gateway,
        );
        expect(neighbour?.lladdr).toBe(gatewayMac(id as Id));
      }
    }
    await net.removeNetwork('red');
  },
);
