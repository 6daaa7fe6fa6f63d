import * as z from 'zod';
import type { ControllerConfig } from '#controller/config.ts';
import { specialOverlap } from '#intent/special-range.ts';
import type { Cidr } from '#model/cidr.ts';
import { type Fault, fault } from '#model/fault.ts';
import { controllerPaths } from '#model/paths.ts';
import { faultError } from '../cli-error.ts';
import { address, cidrOf, integer, LOG_LEVELS, list, oneOf } from './fields.ts';
import { fileSource } from './file-source.ts';
import { readSettings } from './settings.ts';
import { environmentSource, flagSource } from './source.ts';
import { TLS_FIELDS, takeTls } from './tls.ts';

/** Keys as they stand in controller.yaml; with `--` before them they are the flags. */
const schema = z.strictObject({
  listen: list(address).optional(),
  'pool-ipv4': cidrOf(4, 29).optional(),
  'pool-ipv4-prefix-length': integer(8, 29).optional(),
  'pool-ipv6': cidrOf(6, 64).optional(),
  'log-level': oneOf(LOG_LEVELS).optional(),
  ...TLS_FIELDS,
});

const DEFAULT_POOL = '10.128.0.0/9' as Cidr;
const DEFAULT_PREFIX_LENGTH = 20;

export interface ControllerOptions {
  readonly root: string;
  readonly config?: string;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Merges flags, environment, file and defaults. Throws with every fault at once. */
export function readControllerConfig({ root, config, flags, env }: ControllerOptions): ControllerConfig {
  const paths = controllerPaths(root);
  const keys = Object.keys(schema.shape);
  const { values } = readSettings(schema, [
    flagSource(flags, keys),
    environmentSource(env, keys),
    fileSource(config ?? paths.config, config !== undefined),
  ]);
  const faults: Fault[] = [];
  const ipv4 = values['pool-ipv4'] ?? DEFAULT_POOL;
  const ipv4PrefixLength = values['pool-ipv4-prefix-length'] ?? DEFAULT_PREFIX_LENGTH;
  if (ipv4PrefixLength < Number(ipv4.split('/')[1]))
    faults.push(
      fault(
        'pool-ipv4',
        ipv4,
        `holds no subnet of /${ipv4PrefixLength}`,
        'give a larger pool, or a longer --pool-ipv4-prefix-length',
      ),
    );
  const listen = [...new Set([`unix://${paths.socket}`, ...(values.listen ?? [])])];
  for (const key of ['pool-ipv4', 'pool-ipv6'] as const) {
    const special = values[key] && specialOverlap(values[key]);
    if (special)
      faults.push(
        fault(key, values[key], special, 'choose a private range, such as 10.0.0.0/9 or fd00:1::/48'),
      );
  }
  const tls = takeTls(faults, values, listen);
  if (faults.length > 0) throw faultError('usage', ...faults);
  return {
    root,
    listen,
    tls,
    pools: { ipv4, ipv4PrefixLength, ipv6: values['pool-ipv6'] },
    logLevel: values['log-level'] ?? 'info',
  };
}
