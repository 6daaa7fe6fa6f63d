import { describe, expect, it } from 'vitest';
import { isRejection } from '#model/fault.ts';
import type { Publication } from '#model/records.ts';
import type { ExposeNetwork, PublishPort } from '#model/wish.ts';
import { sentences, World } from './test-world.ts';

const publish = (endpoint: string, mapping: string, network?: string): PublishPort => ({
  wish: 'publish-port',
  endpoint,
  network,
  mapping,
});
const expose = (
  network: string,
  host: string,
  allowOverlap = false,
  addresses: readonly string[] = [],
): ExposeNetwork => ({ wish: 'expose-network', network, host, addresses, allowOverlap });

function world(): World {
  const it = new World();
  it.host('h1', { routes: ['0.0.0.0/0', '10.7.0.0/16'] });
  it.host('h2');
  it.network('red', { subnets: ['10.1.0.0/24'] });
  it.network('shut', { subnets: ['10.2.0.0/24'], internal: true });
  it.endpoint('red', 'h1', 'shop');
  it.endpoint('red', 'h2', 'bank');
  it.endpoint('shut', 'h1', 'vault');
  return it;
}

describe('a published port', () => {
  it('is read in all its forms, and each has a relay port of its own', () => {
    const it = world();
    const made = ['8080:80', '192.0.2.9:443:443/tcp', '53:53/udp', '0.0.0.0:81:80'].map(
      (mapping) => it.do(publish('shop', mapping)).subject as Publication,
    );
    expect(
      made.map(({ hostAddress, hostPort, port, protocol, relayPort }) => [
        ...[hostAddress, hostPort, port, protocol, relayPort],
      ]),
    ).toEqual([
      [undefined, 8080, 80, 'tcp', 1],
      ['192.0.2.9', 443, 443, 'tcp', 2],
      [undefined, 53, 53, 'udp', 1],
      [undefined, 81, 80, 'tcp', 3],
    ]);
    expect(it.do(publish('shop', '8080:80/tcp')).changes).toEqual([]);
    it.do({ wish: 'unpublish-port', endpoint: 'shop', mapping: '8080:80' });
    expect((it.do(publish('shop', '8082:80')).subject as Publication).relayPort).toBe(1);
    it.do({ wish: 'unpublish-port', endpoint: 'shop', mapping: '' });
    expect(it.snapshot.publications.size).toBe(0);
  });

  it('is the same on another host, and goes with its endpoint', () => {
    const it = world();
    it.do(publish('shop', '80:80'));
    it.do(publish('bank', '80:80'));
    const [shop] = it.snapshot.endpointsNamed(it.snapshot.networkNamed('red')!.id, 'shop');
    it.do({ wish: 'detach-endpoint', endpoint: shop!.id, generation: shop!.generation });
    expect([...it.snapshot.publications.values()].map(({ host }) => host)).toEqual([
      it.snapshot.hostNamed('h2')!.id,
    ]);
    const { notices } = it.do({ wish: 'evict-host', host: 'h2' });
    expect(notices[0]?.sentence).toMatch(/lost 1 endpoint\(s\), 1 published port\(s\); /);
    expect(it.snapshot.publications.size).toBe(0);
  });

  const FORM =
    'is not [HOSTIP:]PORT:PORT[/tcp|/udp]; write it like 8080:80, 192.0.2.1:8080:80 or [2001:db8::1]:53:53/udp';
  it.each([
    ['80', `port "80": ${FORM}`],
    ['a:b', `port "a:b": ${FORM}`],
    ['-1:80', `port "-1:80": ${FORM}`],
    ['', `port "": ${FORM}`],
    ['0:80', 'port "0": is not a whole number from 1 to 65535; give one in that range'],
    [
      '99999999999999999999999:80',
      'port "99999999999999999999999": is not a whole number from 1 to 65535; give one in that range',
    ],
    ['80:65536', 'port "65536": is not a whole number from 1 to 65535; give one in that range'],
    ['80:80/icmp', 'port "icmp": is not known; choose one of tcp and udp'],
    ['300.1.1.1:80:80', 'port "300.1.1.1": is not an IP address; write it like 10.1.0.5 or fd00::5'],
    [
      '[2001:db8::1]:80:80',
      'port "2001:db8::1": is an IPv6 address, and endpoint shop has none; leave the host address out',
    ],
    [
      '192.0.2.9:90:80',
      'port "90/tcp": is published for endpoint shop on host h1 already; choose another port, or unpublish that one first',
    ],
  ])('is refused as %j', (mapping, sentence) => {
    const it = world();
    it.do(publish('shop', '90:81'));
    expect(sentences(it.try(publish('shop', mapping))).slice(1)).toContain(sentence);
  });

  it('is refused where no answer would come back, and for what is not there', () => {
    const it = world();
    expect(sentences(it.try(publish('vault', '80:80')))[1]).toMatch(/is in network shut, which is internal;/);
    expect(sentences(it.try(publish('shpo', '80:80')))[1]).toMatch(
      /there is no such endpoint; did you mean shop/,
    );
    it.endpoint('red', 'h1', 'twin', { name: 'bank' });
    expect(sentences(it.try(publish('bank', '80:80')))[1]).toMatch(
      /is the name of .* in red on h1.*; give its id/,
    );
    expect(sentences(it.try({ wish: 'unpublish-port', endpoint: 'shop', mapping: '1:1' }))).toEqual([
      'absent',
      'port "1:1": is not published for endpoint shop on host h1; none of its ports is: there is nothing to take back',
    ]);
    expect(sentences(it.try({ wish: 'unpublish-port', endpoint: 'shop', mapping: '' }))).toEqual([
      'absent',
      'endpoint "shop": has no published port; there is nothing to take back',
    ]);
    const docker = it.endpoint('red', 'h1', 'd1', { runtime: 'docker' });
    expect(sentences(it.try(publish(docker.id, '80:80')))[1]).toMatch(/has Docker’s own way out; use Docker/);
    it.endpoint('red', 'h1', 'other', { name: 'shop' });
    expect(sentences(it.try(publish('shop', '80:80')))[1]).toMatch(/; give its id$/);
  });
});

describe('an exposed network', () => {
  it('makes the host a member; the same again is nothing; it is hidden and goes with the network', () => {
    const it = world();
    const { id } = it.network('blue', { subnets: ['10.3.0.0/24'] });
    it.do(expose('blue', 'h2'));
    expect(it.do(expose('blue', 'h2')).changes).toEqual([]);
    expect([...it.snapshot.inNetwork(id).endpointCount.keys()]).toEqual([it.snapshot.hostNamed('h2')!.id]);
    it.do({ wish: 'hide-network', network: 'blue', host: 'h2' });
    expect(it.snapshot.inNetwork(id).endpointCount.size).toBe(0);
    expect(sentences(it.try({ wish: 'hide-network', network: 'blue', host: 'h2' }))[1]).toMatch(
      /^network "blue": is not exposed on host h2; no network is exposed there: nothing needs to be hidden/,
    );
    it.do(expose('red', 'h2'));
    expect(sentences(it.try({ wish: 'hide-network', network: 'blue', host: 'h2' }))[1]).toMatch(
      /is not exposed on host h2; exposed there: red$/,
    );
    it.do(expose('blue', 'h1'));
    expect(sentences(it.try({ wish: 'hide-network', network: 'blue', host: 'h2' }))[1]).toMatch(
      /is not exposed on host h2; it is exposed on h1: give that one as --host$/,
    );
    it.do(expose('blue', 'h2'));
    it.do({ wish: 'remove-network', network: 'blue' });
    expect(it.snapshot.inNetwork(id).exposures.size).toBe(0);
  });

  it('is refused where the host would lose one of two to the other', () => {
    const it = world();
    it.network('far', { subnets: ['10.7.3.0/24'], allowOverlap: true });
    it.network('twin', { subnets: ['10.1.0.0/16'] });
    it.do(expose('red', 'h1'));
    expect(sentences(it.try(expose('twin', 'h1', true)))).toEqual([
      'conflict',
      'network "twin": has subnet 10.1.0.0/16, and 10.1.0.0/24 of network red is exposed on host h1; hide that one first (weft hide red), or expose it on another host',
    ]);
    expect(sentences(it.try(expose('far', 'h1')))[1]).toMatch(
      /and host h1 routes 10.7.0.0\/16; expose it on another/,
    );
    it.do(expose('far', 'h1', true));
    it.do(expose('twin', 'h2'));
    it.do({ wish: 'evict-host', host: 'h1' });
    expect([...it.snapshot.exposures.values()].map(({ host }) => host)).toEqual([
      it.snapshot.hostNamed('h2')!.id,
    ]);
  });

  it.each([
    ['10.1.0.9', undefined],
    ['10.1.0.99/24', 'ip "10.1.0.99/24": is not an IP address; write it like 10.1.0.5 or fd00::5'],
    [
      '10.2.0.9',
      'ip "10.2.0.9": is outside the network\'s subnet 10.1.0.0/24; choose another one, or leave it out',
    ],
    ['10.1.0.1', 'ip "10.1.0.1": is the network\'s gateway; choose another one, or leave it out'],
    ['fd00::9', 'ip "fd00::9": the network has no IPv6 subnet; choose another one, or leave it out'],
    ['10.1.0.8', 'ip "10.1.0.8": is taken by endpoint bank on host h2; choose another one, or leave it out'],
  ])('is given address %s, or told why not', (address, sentence) => {
    const it = world();
    const answer = it.try(expose('red', 'h1', false, [address]));
    if (sentence) expect(sentences(answer)).toContain(sentence);
    else expect(isRejection(answer)).toBe(false);
  });

  it('may have the address again that the host has not given back yet, and no other while it is exposed', () => {
    const it = world();
    it.do(expose('red', 'h1', false, ['10.1.0.9']));
    it.endpoint('red', 'h1', 'h1', { runtime: 'host', addresses: ['10.1.0.9'] });
    expect(it.do(expose('red', 'h1', false, ['10.1.0.9'])).changes).toEqual([]);
    expect(sentences(it.try(expose('red', 'h1', false, ['10.1.0.10'])))[1]).toMatch(
      /is not what host h1 is in network red with already; hide it first/,
    );
    it.do({ wish: 'hide-network', network: 'red', host: 'h1' });
    expect(sentences(it.try({ wish: 'remove-network', network: 'red' }))[1]).toMatch(
      /weft hide red --host HOST/,
    );
    it.do(expose('red', 'h1', false, ['10.1.0.9']));
  });

  it('is refused where its packets could not be tunnelled, and of adopted bridges', () => {
    const it = world();
    it.host('h6', { underlay: ['fd99::6'] });
    expect(sentences(it.try(expose('red', 'h6')))[1]).toMatch(/no IPv4 underlay address/);
    it.do({ wish: 'adopt-bridge', host: 'h1', bridge: 'br-1', network: 'shared' });
    expect(sentences(it.try(expose('shared', 'h1')))).toContain(
      'network "shared": is of adopted bridges; give the host an address on its own bridge, with `ip address add`',
    );
  });
});
