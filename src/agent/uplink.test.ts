import { create, toBinary } from '@bufbuild/protobuf';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { PublishEndpointsRequestSchema } from '#api/gen/weft/v1/controller_pb.ts';
import { noFaults } from '#intent/faults.ts';
import { readEndpoint } from '#intent/read-endpoint.ts';
import { attachEndpoint } from '#intent/test-world.ts';
import { createId } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import { type Endpoint, MAX_IMAGE } from '#model/records.ts';
import { Uplink } from './uplink.ts';

/** As large as admission lets one be. */
function largest(number: number): Endpoint {
  const long = (length: number, letter = 'x') => `${number}-`.padEnd(length, letter);
  const aliases = Array.from({ length: 64 }, (_, i) => `${i}-${long(128)}`.slice(0, 128));
  const faults = noFaults();
  readEndpoint(faults, attachEndpoint('app', 'h1', long(256, '容'), { aliases, name: long(128) }));
  expect(faults).toEqual(noFaults());
  const id = createId(number, (count) => new Uint8Array(count));
  return {
    ...{ kind: 'endpoint', id, network: id, host: id, runtime: 'docker', interface: 'a23456789012345' },
    ...{
      containerId: long(256, '容'),
      image: long(MAX_IMAGE, '容'),
      name: long(128),
      aliases,
      generation: 0xffffffff,
    },
    ...{
      mac: 'fe:ff:ff:ff:ff:ff' as Mac,
      addresses: ['255.255.255.254', 'fd00:1111:2222:3333:4444:5555:6666:7777'] as Ip[],
    },
  };
}

test('however large endpoints are, what is told of them at once fits into one request', async () => {
  const lengths: number[] = [];
  const publishEndpoints = async (request: { endpoints: [] }) => {
    lengths.push(
      toBinary(PublishEndpointsRequestSchema, create(PublishEndpointsRequestSchema, request)).length,
    );
    return { outcomes: request.endpoints.map(() => ({ revision: 1n })) };
  };
  const uplink = new Uplink({ controller: { publishEndpoints } } as never, '', pino({ level: 'silent' }));
  const told = await Promise.all(Array.from({ length: 600 }, (_, i) => uplink.publish(largest(i))));
  expect(told).toEqual(told.map(() => 1));
  // transport/answer-calls.ts
  expect(Math.max(...lengths)).toBeLessThan(1 << 20);
});
