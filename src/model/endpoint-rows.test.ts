import { expect, test } from 'vitest';
import { EndpointRows, type Member } from './endpoint-rows.ts';
import { createId, type Id } from './id.ts';
import type { Ip } from './ip.ts';
import type { Mac } from './mac.ts';
import type { Endpoint } from './records.ts';

const endpoint = (n: number): Endpoint => ({
  ...{
    kind: 'endpoint',
    id: createId(n, (count) => new Uint8Array(count)),
    network: 'N' as Id,
    host: 'H' as Id,
  },
  ...{ runtime: 'docker', containerId: `c${n}`, image: `registry.example/app:build-${n}`, interface: 'eth0' },
  ...{
    name: 'app',
    aliases: [],
    mac: '02:00:00:00:00:01' as Mac,
    addresses: ['10.1.0.2' as Ip],
    generation: 1,
  },
});

test('nothing is kept of those who came and went', () => {
  const rows = new EndpointRows();
  const member: Member = { network: { id: 'N' as Id, number: 1 }, host: 'H' as Id, first: 0, last: 0 };
  for (let n = 1; n < 20_000; n++) rows.free(rows.add(endpoint(n), member));
  expect(rows.read(rows.add(endpoint(20_000), member))).toEqual(endpoint(20_000));
  expect((Reflect.get(rows, 'known') as Map<string, string>).size).toBeLessThan(5_000);
  expect(rows.members.length).toBe(2);
});
