import { create } from '@bufbuild/protobuf';
import * as z from 'zod';
import { parseCidr } from '#model/cidr.ts';
import { type Fault, fault, sayFault } from '#model/fault.ts';
import { type Id, isId } from '#model/id.ts';
import { parseIp } from '#model/ip.ts';
import { parseMac } from '#model/mac.ts';
import { parseHostName, parseInterfaceName, parseName } from '#model/name.ts';
import type { Parsed } from '#model/parsed.ts';
import {
  type Change,
  DEFAULT_GATEWAY_USE,
  DEFAULT_PORT_SECURITY,
  ENDPOINT_RUNTIMES,
  type Endpoint,
  GATEWAY_USES,
  MAX_IMAGE,
  MAX_STATIONS,
  PORT_SECURITIES,
  RECORD_KINDS,
  type Station,
  type StoredRecord,
  TRANSPORTS,
  UNDERLAY_FAMILIES,
} from '#model/records.ts';
import { TUNNEL_MODES } from '#model/tunnel-mode.ts';
import { parseVni } from '#model/vni.ts';
import {
  type Change as ChangeMessage,
  ChangeSchema,
  type Endpoint as EndpointMessage,
  EndpointSchema,
  type Record as RecordMessage,
  RecordSchema,
} from './gen/weft/v1/records_pb.ts';

/**
 * Records as messages and back. A message from outside is hostile until every field has passed the model's own
 * parser; what comes out is a plain record with none of the message's extras.
 */

/** A zod string that one of the model's parsers must take unchanged (records travel in canonical form). */
const text = <T extends string>(parse: (text: string) => Parsed<T>) =>
  z.string().transform((value, context) => {
    const result = parse(value);
    if (result.ok && result.value === value) return result.value;
    context.addIssue({ code: 'custom', message: result.ok ? `is not canonical` : result.problem });
    return z.NEVER;
  });

const id = z
  .string()
  .refine(isId, 'is not an id')
  .transform((value) => value as Id);
const ip = text(parseIp);
const cidr = text(parseCidr);
const name = text(parseName);
const count = z.number().int().min(0).max(0xffffffff);
const port = z.number().int().min(1).max(65535);

const hostSchema = z.object({
  id,
  name: text(parseHostName),
  epoch: count,
  underlay: z.array(ip).max(64),
  labels: z.record(z.string().max(256), z.string().max(1024)),
  facts: z.object({
    underlayMtu: count,
    takenPorts: z.array(port),
    routes: z.array(cidr),
    // Unknown to earlier versions.
    underlayInterfaces: z.array(text(parseInterfaceName)).default([]),
  }),
});

const vni = z.number().transform((value, context) => {
  const result = parseVni(value);
  if (result.ok) return result.value;
  context.addIssue({ code: 'custom', message: result.problem });
  return z.NEVER;
});

const tunnel = {
  port,
  mode: z.enum(TUNNEL_MODES),
  group: ip.optional(),
  mtu: count,
  ttl: count,
  device: z.number().int().min(0).max(1).optional(),
  transitVni: vni.optional(),
};

const changeSchema = z.object({
  phase: z.enum(['prepare', 'switch']),
  other: z.object(tunnel),
  next: z.object(tunnel).optional(),
  since: z.number().int().min(0),
});

const networkSchema = z.object({
  id,
  name,
  ...tunnel,
  vni,
  underlay: z.enum(UNDERLAY_FAMILIES),
  subnets: z.array(z.object({ cidr, gateway: ip })).max(2),
  change: changeSchema.optional(),
  // Unknown to earlier versions.
  adopts: z.boolean().default(false),
  internal: z.boolean().default(false),
  gateway: z.preprocess((value) => value || undefined, z.enum(GATEWAY_USES).default(DEFAULT_GATEWAY_USE)),
  portSecurity: z.preprocess(
    (value) => value || undefined,
    z.enum(PORT_SECURITIES).default(DEFAULT_PORT_SECURITY),
  ),
  labels: z.record(z.string().max(256), z.string().max(1024)).default({}),
});

const blockSchema = z.object({
  id,
  network: id,
  host: id,
  cidr,
  epoch: count,
  except: z.array(ip),
  retired: z.number().int().min(0),
});

const endpointSchema = z.object({
  id,
  network: id,
  host: id,
  runtime: z.enum(ENDPOINT_RUNTIMES),
  containerId: z.string().min(1).max(256),
  // Unknown to earlier versions.
  image: z.string().min(1).max(MAX_IMAGE).optional(),
  interface: text(parseInterfaceName),
  name,
  aliases: z.array(name).max(64),
  mac: text(parseMac),
  addresses: z.array(ip).max(2),
  generation: count,
});

const stationsSchema = z
  .array(z.object({ mac: text(parseMac), addresses: z.array(ip).max(64), generation: count }))
  .max(MAX_STATIONS);

const adoptionSchema = z.object({
  id,
  network: id,
  host: id,
  bridge: text(parseInterfaceName),
  stations: stationsSchema,
});

const peerSchema = z.object({
  id,
  network: id,
  name,
  vtep: ip,
  endpoints: z.array(z.object({ mac: text(parseMac), addresses: z.array(ip).max(2) })).max(MAX_STATIONS),
});

const exposureSchema = z.object({ id, network: id, host: id, addresses: z.array(ip).max(2).default([]) });

const publicationSchema = z.object({
  id,
  network: id,
  endpoint: id,
  host: id,
  protocol: z.enum(TRANSPORTS),
  hostAddress: ip.optional(),
  hostPort: port,
  port,
  relayPort: port,
});

const SCHEMAS = {
  host: hostSchema,
  network: networkSchema,
  block: blockSchema,
  endpoint: endpointSchema,
  adoption: adoptionSchema,
  peer: peerSchema,
  exposure: exposureSchema,
  publication: publicationSchema,
};

/** Reads a plain object as the record of that kind, or throws {@link WireError}. */
export function parseRecord(kind: string | undefined, value: unknown): StoredRecord {
  const known = RECORD_KINDS.find((candidate) => candidate === kind);
  if (!known)
    throw new WireError([fault('record', kind ?? 'none', 'is of an unknown kind', 'upgrade this program')]);
  return { kind: known, ...check<object>(SCHEMAS[known], known, value) } as StoredRecord;
}

export const parseStations = (value: unknown): readonly Station[] =>
  check<Station[]>(stationsSchema, 'stations', value);

function check<T>(schema: z.ZodType, what: string, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data as T;
  throw new WireError(
    result.error.issues.map((issue) =>
      fault(
        `${what}.${issue.path.join('.')}`,
        valueAt(value, issue.path),
        issue.message,
        'send it as the schema says',
      ),
    ),
  );
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((at, key) => (at as { [key: PropertyKey]: unknown } | undefined)?.[key], value);

/** A message that is no valid record: says every field that is wrong. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(faults.map(sayFault).join('; '));
    this.faults = faults;
  }
}

export const recordFromWire = (message: RecordMessage | undefined): StoredRecord =>
  parseRecord(message?.record.case, message?.record.value);

/** The model's records have the messages' own field names, so that no field is copied by hand. */
export const recordToWire = (record: StoredRecord): RecordMessage =>
  create(RecordSchema, { record: { case: record.kind, value: record } as never });

/** A record that travels alone, not among others. */
export const endpointToWire = (endpoint: Endpoint): EndpointMessage =>
  create(EndpointSchema, { ...endpoint, aliases: [...endpoint.aliases], addresses: [...endpoint.addresses] });

export function changeFromWire(message: ChangeMessage): Change {
  const { change } = message;
  if (change.case !== 'delete') return { verb: 'put', record: recordFromWire(change.value) };
  const { kind, id: ref } = change.value;
  const known = RECORD_KINDS.find((candidate) => candidate === kind);
  if (known && isId(ref)) return { verb: 'delete', ref: { kind: known, id: ref } };
  throw new WireError([fault('delete', `${kind} ${ref}`, 'is no record', 'send it as the schema says')]);
}

export const changeToWire = (change: Change): ChangeMessage =>
  create(ChangeSchema, {
    change:
      change.verb === 'put'
        ? { case: 'put', value: recordToWire(change.record) }
        : { case: 'delete', value: { kind: change.ref.kind, id: change.ref.id } },
  });
