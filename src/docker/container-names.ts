import type { DoorDescription } from '#api/door.ts';
import { parseName } from '#model/name.ts';
import type { EngineContainer } from './engine-api.ts';

const COMPOSE_SERVICE = 'com.docker.compose.service';
/** `True` of what `docker compose run` makes: it takes none of what others ask the service, unless by an alias. */
const COMPOSE_ONE_OFF = 'com.docker.compose.oneoff';
/** Docker's own resolver knows a container by the beginning of its id too. */
const SHORT_ID = 12;
/** Of an endpoint (see api/wire-records.ts). */
const MAX_ALIASES = 64;

/** An endpoint of Docker's, as far as the network that it is in was named when it was asked for. */
export interface EndpointPlace {
  readonly dockerNetwork: string;
  readonly networkName: string;
}

/**
 * By which names a container is found in a network: as Docker's own resolver has it, and by its Compose service. What
 * is no name in DNS is left out, but for the container's own: who is told knows what to make of that. The key of a
 * network is what `--network` was given until the container has started: a name, an id, or the beginning of one.
 */
export function describeContainer(container: EngineContainer, place: EndpointPlace): DoorDescription {
  const name = container.Name.replace(/^\//, '');
  const entry = Object.entries(container.NetworkSettings?.Networks ?? {}).find(
    ([key, { NetworkID }]) =>
      NetworkID === place.dockerNetwork ||
      key === place.networkName ||
      (key.length >= SHORT_ID && place.dockerNetwork.startsWith(key)),
  );
  const { DNSNames, Aliases } = entry?.[1] ?? {};
  const words = [
    ...(DNSNames ?? []),
    ...(Aliases ?? []),
    serviceOf(container.Config?.Labels ?? {}),
    container.Id.slice(0, SHORT_ID),
  ];
  const aliases = new Map<string, string>();
  for (const word of words)
    if (word !== '' && parseName(word).ok && word.toLowerCase() !== name.toLowerCase())
      aliases.set(word.toLowerCase(), word);
  return {
    name,
    aliases: [...aliases.values()].slice(0, MAX_ALIASES),
    containerId: container.Id,
    image: container.Config?.Image ?? undefined,
  };
}

const serviceOf = ({
  [COMPOSE_SERVICE]: service = '',
  [COMPOSE_ONE_OFF]: oneOff = '',
}: Readonly<Record<string, string>>): string => (oneOff.toLowerCase() === 'true' ? '' : service);
