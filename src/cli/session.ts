import fs from 'node:fs';
import path from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { isDistrust, NOT_TRUSTED } from '#api/distrust.ts';
import { rejectionFromError } from '#api/rejection.ts';
import { fault } from '#model/fault.ts';
import { agentPaths, controllerPaths } from '#model/paths.ts';
import { type Address, formatAddress, parseAddress } from '#transport/address.ts';
import { type Clients, createClients } from '#transport/client.ts';
import { isOfTls, readTlsFiles, TlsFileError, type TlsFiles } from '#transport/tls.ts';
import { CliError, faultError, NotPermitted } from './cli-error.ts';
import { EXIT_OF_REJECTION } from './exit-code.ts';
import { notingWishes, type PendingWish } from './pending-wish.ts';
import type { World } from './world.ts';

/** Options of every command that speaks with an agent or a controller. */
export interface SessionOptions {
  readonly json?: boolean;
  readonly root?: string;
  readonly controller?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
}

/** Whom we speak with. */
export interface Target {
  readonly role: 'agent' | 'controller';
  readonly address: Address;
}

/** The agent gives up an attach after 30 s and says why; nothing takes longer. */
const CALL: CallOptions = { timeoutMs: 40_000 };
/** Whoever is there looks into its memory for these; who says nothing by then does not answer. */
export const QUESTION: CallOptions = { timeoutMs: 10_000 };

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Speaks with whoever answers operators here: `--controller`, else this host's agent (which relays), else the
 * controller on this machine. Errors come out as {@link CliError}.
 */
export function withController<T>(
  world: World,
  options: SessionOptions,
  use: (clients: Clients, call: CallOptions, target: Target) => Promise<T>,
): Promise<T> {
  const given = options.controller ?? (world.env.WEFT_CONTROLLER || undefined);
  if (given !== undefined) {
    const address = parseAddress(given);
    const field = options.controller === undefined ? 'WEFT_CONTROLLER' : '--controller';
    if (!address.ok) throw faultError('usage', fault(field, given, address.problem, address.fix));
    return speak(
      { role: 'controller', address: address.value },
      clientTls(world, options, address.value),
      use,
    );
  }
  const root = rootOf(world, options);
  const agent = agentPaths(root).socket;
  const controller = controllerPaths(root).socket;
  const role = !fs.existsSync(agent) && fs.existsSync(controller) ? 'controller' : 'agent';
  return speak({ role, address: socketAddress(role === 'agent' ? agent : controller) }, undefined, use);
}

/** Speaks with this host's agent, for what only it can do; with none running, does `absent` if there is such a way. */
export function withAgent<T>(
  world: World,
  options: SessionOptions,
  use: (clients: Clients, call: CallOptions) => Promise<T>,
  absent?: (root: string) => Promise<T>,
): Promise<T> {
  if (options.controller !== undefined)
    throw faultError(
      'usage',
      fault(
        '--controller',
        options.controller,
        "does not apply: this is done by this host's agent",
        'leave it out',
      ),
    );
  const root = rootOf(world, options);
  const target: Target = { role: 'agent', address: socketAddress(agentPaths(root).socket) };
  return speak(target, undefined, use, absent && (() => absent(root)));
}

/** An empty flag would be the directory that one is in: more likely a script's variable is unset. */
export function rootOf(world: World, { root }: Pick<SessionOptions, 'root'>): string {
  if (root === '')
    throw faultError('usage', fault('--root', root, 'is empty', 'give a directory, or leave it out'));
  return path.resolve(root ?? (world.env.WEFT_ROOT || '/'));
}

async function speak<T>(
  target: Target,
  tls: TlsFiles | undefined,
  use: (clients: Clients, call: CallOptions, target: Target) => Promise<T>,
  absent?: () => Promise<T>,
): Promise<T> {
  const clients = createClients(target.address, { tls });
  const pending: PendingWish = {};
  try {
    return await use(notingWishes(clients, pending), CALL, target);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    if (absent && ['ENOENT', 'ECONNREFUSED'].includes(errnoOf(error) ?? '')) return await absent();
    throw explainError(error, target, pending);
  } finally {
    clients.close();
  }
}

function socketAddress(socket: string): Address {
  const address = parseAddress(socket);
  if (!address.ok) throw faultError('usage', fault('--root', socket, address.problem, address.fix));
  return address.value;
}

function clientTls(world: World, options: SessionOptions, address: Address): TlsFiles | undefined {
  if (address.kind !== 'tcp' || !address.tls) return undefined;
  const cert = options.tlsCert ?? world.env.WEFT_TLS_CERT;
  const key = options.tlsKey ?? world.env.WEFT_TLS_KEY;
  const ca = options.tlsCa ?? world.env.WEFT_TLS_CA;
  if (!cert || !key || !ca)
    throw new CliError(
      'usage',
      `${formatAddress(address)} needs to know who you are`,
      'give --tls-cert, --tls-key and --tls-ca (or WEFT_TLS_CERT, WEFT_TLS_KEY and WEFT_TLS_CA)',
    );
  try {
    return readTlsFiles({ cert, key, ca });
  } catch (error) {
    if (error instanceof TlsFileError) throw new CliError('usage', error.message, error.next);
    throw new CliError('usage', `cannot read a certificate: ${(error as Error).message}`, 'check the paths');
  }
}

function explainError(error: ConnectError, target: Target, { shownBy }: PendingWish): CliError {
  const rejection = rejectionFromError(error);
  if (rejection) return faultError(EXIT_OF_REJECTION[rejection.reason], ...rejection.faults);
  const errno = errnoOf(error);
  if (errno) return unreachable(target, errno, error.rawMessage);
  const where = `the ${target.role} at ${formatAddress(target.address)}`;
  const mayHappen = shownBy === undefined ? '' : ': what was asked for may still happen';
  const look = shownBy === undefined ? '' : `; ${shownBy} shows whether it happened`;
  switch (error.code) {
    case Code.Unavailable:
      return new CliError(
        'unreachable',
        error.rawMessage,
        isDistrust(error.rawMessage)
          ? `see that the certificates of both sides are valid, and of one authority${look}`
          : `try again when weft status shows the host connected${look}`,
      );
    case Code.DeadlineExceeded:
      return new CliError(
        'unreachable',
        `${where} does not answer (${error.rawMessage})${mayHappen}`,
        `see that it is not stopped, look at its log, or restart it${look}`,
      );
    case Code.Aborted:
      // From there: whom it asked in our name did.
      if (error.cause === undefined)
        return new CliError('unreachable', `${where} says: ${error.rawMessage}`, 'look at its log');
      return new CliError(
        'unreachable',
        `${where} went away during the request${isTls(target) ? ', or does not take this certificate' : ''}${mayHappen}`,
        `look at its log, then try again${look}`,
      );
    case Code.Unimplemented:
      return new CliError(
        'refused',
        `${where} cannot do this`,
        'run it where an agent runs, or upgrade that side',
      );
    case Code.FailedPrecondition:
    case Code.PermissionDenied:
    case Code.Unauthenticated:
    case Code.ResourceExhausted:
      return new CliError('refused', `${where} refused: ${error.rawMessage}`, nextAfterRefusal(error.code));
    default:
      return new CliError('failed', `${where} failed: ${error.rawMessage}`, 'look at its log');
  }
}

const isTls = ({ address }: Target): boolean => address.kind === 'tcp' && address.tls;

const nextAfterRefusal = (code: Code): string =>
  code === Code.ResourceExhausted
    ? 'ask for less at once'
    : code === Code.FailedPrecondition
      ? 'put that right, then try again'
      : 'use a certificate of an operator (URI weft:operator:NAME)';

/** The system's error code, when the other side was not reached at all. */
function errnoOf(error: ConnectError): string | undefined {
  for (let at: unknown = error.cause; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown };
    if (typeof code === 'string' && code !== 'ECONNRESET' && !code.startsWith('ERR_STREAM')) return code;
  }
  return undefined;
}

function unreachable(target: Target, errno: string, text: string): CliError {
  const { role, address } = target;
  const where = formatAddress(address);
  if (isTls(target) && isOfTls(errno))
    return new CliError(
      'unreachable',
      `who answers at ${where} is not trusted: ${text.replace(`${NOT_TRUSTED}: `, '')}`,
      'check --tls-ca, and that the controller’s certificate is valid and names that address',
    );
  if (errno === 'EACCES')
    return new NotPermitted(
      'unreachable',
      `not permitted to open ${where}`,
      'run it as root, such as with sudo',
    );
  if (address.kind === 'tcp')
    return new CliError(
      'unreachable',
      `cannot reach ${where}: ${text}`,
      'check the address, and that it is running there',
    );
  const why =
    errno === 'ENOENT' ? 'there is no such socket' : errno === 'ECONNREFUSED' ? 'nobody listens there' : text;
  return new CliError(
    'unreachable',
    `cannot reach the ${role} at ${where}: ${why}`,
    `start it with "weft ${role}" as root, or point --root or --controller to where it runs`,
  );
}
