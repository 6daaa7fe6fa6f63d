import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readDriverTable } from './world/driver-table.ts';

/** Options of Docker's drivers `bridge` and `overlay`, as docs.docker.com lists them. */
const OPTIONS = [
  ...['name', 'enable_ip_masquerade', 'gateway_mode_ipv4', 'gateway_mode_ipv6', 'enable_icc'].map(
    (name) => `com.docker.network.bridge.${name}`,
  ),
  ...['host_binding_ipv4', 'inhibit_ipv4', 'trusted_host_interfaces'].map(
    (name) => `com.docker.network.bridge.${name}`,
  ),
  ...['driver.mtu', 'container_iface_prefix', 'host_ipv4', 'host_ipv6', 'driver.overlay.vxlanid_list'].map(
    (name) => `com.docker.network.${name}`,
  ),
  'encrypted',
];

const rows = readDriverTable();

test('every option of Docker’s own drivers is in the table', () => {
  for (const option of OPTIONS) expect(rows.map(({ thing }) => thing)).toContain(`\`${option}\``);
});

test.each(rows)('$thing: $answer', ({ answer, words, proof }) => {
  expect(['yes', 'no', 'better']).toContain(answer);
  if (!proof) {
    // What is not done cannot always be shown, but is told.
    expect(answer).toBe('no');
    expect(words).not.toBe('');
    return;
  }
  const [, file, name] = /^`([\w.-]+)`: (.+)$/.exec(proof)!;
  const source = readFileSync(path.join(import.meta.dirname, 'conformance', file!), 'utf8');
  expect(source).toMatch(new RegExp(`(['"\`])${name!.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\1, async`));
});
