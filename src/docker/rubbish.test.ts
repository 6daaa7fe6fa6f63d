import { beforeEach, describe, expect, it } from 'vitest';
import { PluginError } from './plugin-error.ts';
import { beginAnew, call, door, E1, methods, N1 } from './test-drivers.ts';

beforeEach(beginAnew);

describe('what dockerd asks at its start', () => {
  it('is answered without anybody else', async () => {
    door.connected = false;
    expect(await call('NetworkDriver.GetCapabilities', '')).toEqual({
      Scope: 'local',
      ConnectivityScope: 'global',
    });
    expect(await call('IpamDriver.GetCapabilities', '')).toEqual({
      RequiresMACAddress: false,
      RequiresRequestReplay: false,
    });
    expect(await call('IpamDriver.GetDefaultAddressSpaces', '')).toEqual({
      LocalDefaultAddressSpace: 'weft',
      GlobalDefaultAddressSpace: 'weft',
    });
  });
});

describe('rubbish', () => {
  const JUNK = [
    null,
    7,
    'x',
    [],
    {},
    { NetworkID: 7 },
    { PoolID: '', Address: {} },
    { Options: [] },
    { IPv4Data: {} },
  ];
  const FIELDS = [
    'NetworkID',
    'EndpointID',
    'PoolID',
    'Address',
    'Interface',
    'Options',
    'SandboxKey',
    'IPv4Data',
    'Pool',
    'V6',
  ];
  const VALUES = [
    null,
    0,
    -1,
    '',
    '../../x',
    'x'.repeat(9_000),
    [],
    [[]],
    {},
    { Address: [] },
    '\u0000',
    true,
  ];

  it('is refused by every method, and never more than that', async () => {
    for (const name of Object.keys(methods)) {
      const requests: unknown[] = [...JUNK];
      for (const field of FIELDS)
        for (const value of VALUES)
          requests.push({ NetworkID: N1, EndpointID: E1, PoolID: 'a/b/c', [field]: value });
      for (const request of requests) {
        const outcome = await call(name, request, AbortSignal.abort()).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(PluginError);
        else expect(typeof outcome).toBe('object');
      }
    }
    expect(door.made).toEqual([]);
    expect(door.attached()).toEqual([]);
  });
});
