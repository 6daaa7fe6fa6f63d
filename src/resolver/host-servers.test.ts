import { expect, test } from 'vitest';
import { serversIn } from './host-servers.ts';

test('whom a resolv.conf names, in its order, three at most, without the loopback’s', () => {
  const text = `# nameserver 192.0.2.9
search example.org
nameserver 127.0.0.53
\tnameserver\t192.0.2.1
nameserver fd00::53
nameserver fe80::1%eth0
nameserver ::1
nameserver 192.0.2.2   # comment
nameserver 192.0.2.3
`;
  expect(serversIn(text)).toEqual(['192.0.2.1', 'fd00::53', 'fe80::1%eth0']);
  expect(serversIn('')).toEqual([]);
});
