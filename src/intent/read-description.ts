import { foldName, parseName } from '#model/name.ts';
import { type Endpoint, MAX_IMAGE } from '#model/records.ts';
import { MAX_ALIASES } from './read-endpoint.ts';
import { parseContainerId } from './read-field.ts';

type Described = Pick<Endpoint, 'name' | 'aliases' | 'containerId' | 'image'>;

/** What a runtime says of a container after it was attached. Nobody is there to be refused: what is no name is left out. */
export function readDescription({ name, aliases, containerId, image }: Described): Partial<Described> {
  const valid = new Map(
    aliases.filter((alias) => parseName(alias).ok).map((alias) => [foldName(alias), alias]),
  );
  return {
    aliases: [...valid.values()].slice(0, MAX_ALIASES),
    ...(parseName(name).ok && { name }),
    ...(parseContainerId(containerId).ok && { containerId }),
    ...(image && image.length <= MAX_IMAGE && { image }),
  };
}
