import os from 'node:os';
import * as z from 'zod';
import type { AgentConfig } from '#agent/config.ts';
import { type Fault, fault } from '#model/fault.ts';
import { parseHostName } from '#model/name.ts';
import { type Parsed, parsed, unparsed } from '#model/parsed.ts';
import { agentPaths, controllerPaths, PLUGIN_SOCKET } from '#model/paths.ts';
import { faultError } from '../cli-error.ts';
import { address, anyText, LOG_LEVELS, labels, oneOf, scalar } from './fields.ts';
import { fileSource } from './file-source.ts';
import { readSettings } from './settings.ts';
import { environmentSource, flagSource } from './source.ts';
import { TLS_FIELDS, takeTls } from './tls.ts';

const OFF = 'off';
/** Docker takes the file's name for the driver's, and looks in a few directories only. */
function pluginSocket(text: string): Parsed<string> {
  return text === OFF || /^\/.*\/weft\.sock$/.test(text)
    ? parsed(text)
    : unparsed('is not where Docker looks for the driver weft', `give ${PLUGIN_SOCKET}, or ${OFF}`);
}

/** Keys as they stand in agent.yaml; with `--` before them they are the flags. */
const schema = z.strictObject({
  name: scalar(parseHostName).optional(),
  controller: scalar(address).optional(),
  underlay: anyText.optional(),
  'docker-socket': anyText.optional(),
  'docker-plugin': scalar(pluginSocket).optional(),
  'docker-driver': anyText.optional(),
  label: labels.optional(),
  'log-level': oneOf(LOG_LEVELS).optional(),
  ...TLS_FIELDS,
});

export interface AgentOptions {
  readonly root: string;
  readonly config?: string;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Merges flags, environment, file and defaults. Throws with every fault at once. */
export function readAgentConfig({ root, config, flags, env }: AgentOptions): AgentConfig {
  const keys = Object.keys(schema.shape);
  const { values } = readSettings(schema, [
    flagSource(flags, keys),
    environmentSource(env, keys),
    fileSource(config ?? agentPaths(root).config, config !== undefined),
  ]);
  const faults: Fault[] = [];
  const name = values.name ?? ownName(faults);
  const controller = values.controller ?? `unix://${controllerPaths(root).socket}`;
  const tls = takeTls(faults, values, [controller]);
  if (faults.length > 0) throw faultError('usage', ...faults);
  return {
    root,
    name,
    controller,
    underlay: values.underlay,
    dockerSocket: values['docker-socket'] ?? '/var/run/docker.sock',
    dockerPlugin: readDockerPlugin(values['docker-plugin'], root),
    dockerDriver: values['docker-driver'] ?? 'weft',
    labels: values.label ?? {},
    tls,
    logLevel: values['log-level'] ?? 'info',
  };
}

/** What the machine calls itself, up to the first dot. */
function ownName(faults: Fault[]): string {
  const hostname = os.hostname().split('.')[0]!;
  const result = parseHostName(hostname);
  if (result.ok) return result.value;
  faults.push(
    fault('name', hostname, `${result.problem}, though this machine calls itself so`, 'give --name'),
  );
  return hostname;
}

/** Of several agents on one machine, each with a root of its own, none is the engine's unless it was said which. */
function readDockerPlugin(asked: string | undefined, root: string): string | undefined {
  const socket = asked ?? (root === '/' ? PLUGIN_SOCKET : OFF);
  return socket === OFF ? undefined : socket;
}
