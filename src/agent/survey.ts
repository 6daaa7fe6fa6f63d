import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { promisify } from 'node:util';
import * as z from 'zod';
import { FAMILIES, type Family, type Ip, parseIp } from '#model/ip.ts';
import { type Mac, parseMac } from '#model/mac.ts';
import type { FilterRules, Survey, SurveyAsk } from '#model/survey.ts';

const run = promisify(execFile);
/** Docker answers within a millisecond; while it starts, not at all. */
const DOCKER_LIMIT_MS = 2_000;

/** What cannot be asked, such as a Docker that is not there, has nothing to say. */
export async function readSurvey(ask: SurveyAsk, dockerSocket: string): Promise<Survey> {
  const ofEach = async (read: (family: Family) => Promise<FilterRules | undefined>) =>
    (await Promise.all(FAMILIES.map(read))).flatMap((rules) => rules ?? []);
  const { bridges, forwarding } = ask;
  const [filters, legacy, addresses] = await Promise.all([
    bridges.length > 0 ? ofEach(readFilter) : [],
    forwarding ? ofEach(readLegacy) : [],
    bridges.length > 0 ? readDocker(bridges, dockerSocket).catch(() => new Map()) : new Map(),
  ]);
  return { filters, legacy, addresses };
}

const FILTERS = {
  4: { setting: 'bridge-nf-call-iptables', tables: 'ip_tables_names', command: 'iptables' },
  6: { setting: 'bridge-nf-call-ip6tables', tables: 'ip6_tables_names', command: 'ip6tables' },
} as const;

/** Undefined where there are none. */
async function readLegacy(family: Family): Promise<FilterRules | undefined> {
  const { tables, command } = FILTERS[family];
  try {
    if (!readFileSync(`/proc/self/net/${tables}`, 'utf8').split('\n').includes('filter')) return undefined;
    const { stdout } = await run(`${command}-legacy`, ['-w', '2', '-S']);
    return { family, rules: stdout.trimEnd().split('\n') };
  } catch {
    return undefined;
  }
}

/** Undefined where bridged frames pass no such rules: br_netfilter is not loaded, or switched off. */
async function readFilter(family: Family): Promise<FilterRules | undefined> {
  const { setting, command } = FILTERS[family];
  try {
    if (readFileSync(`/proc/sys/net/bridge/${setting}`, 'utf8').trim() !== '1') return undefined;
    const { stdout } = await run(command, ['-w', '2', '-S']);
    return { family, rules: stdout.trimEnd().split('\n') };
  } catch {
    return undefined;
  }
}

const network = z.looseObject({
  Id: z.string(),
  Options: z.record(z.string(), z.string()).nullish(),
  Containers: z
    .record(
      z.string(),
      z.looseObject({ MacAddress: z.string(), IPv4Address: z.string(), IPv6Address: z.string() }),
    )
    .nullish(),
});

/** Docker's word for who is on its networks: `GET /networks/ID`. */
async function readDocker(
  bridges: readonly string[],
  socket: string,
): Promise<Map<string, Map<Mac, readonly Ip[]>>> {
  const found = new Map<string, Map<Mac, readonly Ip[]>>();
  for (const { Id, Options } of z.array(network).parse(await get(socket, '/networks'))) {
    const bridge = Options?.['com.docker.network.bridge.name'] ?? `br-${Id.slice(0, 12)}`;
    if (!bridges.includes(bridge)) continue;
    const { Containers } = network.parse(await get(socket, `/networks/${Id}`));
    const stations = Object.values(Containers ?? {}).map(
      ({ MacAddress, IPv4Address, IPv6Address }) =>
        [parseMac(MacAddress), [IPv4Address, IPv6Address].flatMap(readAddress)] as const,
    );
    found.set(bridge, new Map(stations.flatMap(([mac, ips]) => (mac.ok ? [[mac.value, ips] as const] : []))));
  }
  return found;
}

/** `172.18.0.2/16`, or nothing. */
function readAddress(text: string): Ip[] {
  const ip = parseIp(text.split('/')[0]!);
  return ip.ok ? [ip.value] : [];
}

const get = (socketPath: string, path: string): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const request = http.get({ socketPath, path, timeout: DOCKER_LIMIT_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      response.on('error', reject).on('end', () => {
        try {
          resolve(JSON.parse(body));
        } catch (error) {
          reject(error);
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error('no answer'))).on('error', reject);
  });
