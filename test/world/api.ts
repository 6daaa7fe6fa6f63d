import { post } from '../cluster/one-host.ts';

/** A record as JSON, as the API lists it. */
export interface Records {
  readonly hosts: readonly HostJson[];
  readonly networks: readonly NetworkJson[];
  readonly blocks: readonly BlockJson[];
  readonly endpoints: readonly EndpointJson[];
  readonly adoptions: readonly AdoptionJson[];
  readonly revision: number;
}
export interface HostJson {
  readonly id: string;
  readonly name: string;
  readonly underlay: readonly string[];
}
export interface NetworkJson {
  readonly id: string;
  readonly name: string;
  readonly vni: number;
  readonly port: number;
  readonly mode: string;
  readonly mtu: number;
  /** Of mode multicast. */
  readonly group?: string;
  /** Of its VXLAN device; JSON leaves out what is 0. */
  readonly device?: number;
  readonly subnets: readonly { readonly cidr: string; readonly gateway: string }[];
  readonly internal?: boolean;
  readonly change?: { readonly phase: string };
}
export interface BlockJson {
  readonly id: string;
  readonly network: string;
  readonly host: string;
  readonly cidr: string;
}
export interface EndpointJson {
  readonly id: string;
  readonly runtime: string;
  readonly name: string;
  readonly network: string;
  readonly host: string;
  readonly containerId: string;
  readonly image?: string;
  readonly interface: string;
  readonly mac: string;
  readonly addresses: readonly string[];
  /** JSON leaves out what is empty. */
  readonly aliases?: readonly string[];
  readonly generation: number;
}
export interface AdoptionJson {
  readonly network: string;
  readonly host: string;
  readonly bridge: string;
  /** JSON leaves out what is empty. */
  readonly stations?: readonly { readonly mac: string }[];
}
export interface StatusJson {
  readonly connected?: boolean;
  readonly status?: {
    readonly drift?: readonly object[];
    readonly failing?: readonly object[];
    readonly notices?: readonly {
      readonly code: string;
      readonly sentence: string;
      readonly next: string;
    }[];
    readonly outages?: readonly { readonly network: string; readonly durationMs: number }[];
    readonly appliedRevision?: string;
    readonly headRevision?: string;
  };
  readonly endpoints?: readonly {
    readonly endpoint: EndpointJson;
    readonly namespace?: string;
    readonly state: string;
  }[];
}

export interface Reply {
  readonly ok: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of many kinds
  readonly body: any;
}

/** One call as `curl --unix-socket` makes it; `ok: false` too when nobody answers, or dies before it has. */
export async function call(socket: string, method: string, request: object = {}): Promise<Reply> {
  try {
    const { status, body } = await post(socket, `/weft.v1.${method}`, JSON.stringify(request));
    return { ok: status === 200, body: JSON.parse(body) };
  } catch (error) {
    return { ok: false, body: { message: String(error) } };
  }
}

export async function callOk(socket: string, method: string, request: object = {}): Promise<Reply['body']> {
  const { ok, body } = await call(socket, method, request);
  if (!ok) throw new Error(`${method} ${JSON.stringify(request)}: ${JSON.stringify(body)}`);
  return body;
}

export async function listRecords(socket: string): Promise<Records> {
  const { revision = 0, records = [] } = await callOk(socket, 'ControllerService/ListRecords');
  const of = (kind: string) => records.flatMap((record: Record<string, unknown>) => record[kind] ?? []);
  const endpoints = of('endpoint').map((endpoint: EndpointJson) => ({ ...endpoint }));
  return {
    revision: Number(revision),
    hosts: of('host'),
    networks: of('network'),
    blocks: of('block'),
    endpoints,
    adoptions: of('adoption'),
  };
}
