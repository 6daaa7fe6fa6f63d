import type { Id } from './id.ts';
import { foldName } from './name.ts';
import type { Endpoint } from './records.ts';

/** Ids by name and alias, without case: names of endpoints need not be unique. */
export class EndpointNames {
  private readonly ids = new Map<string, Set<Id>>();

  constructor(endpoints: Iterable<Endpoint>) {
    for (const endpoint of endpoints) this.add(endpoint);
  }

  get(name: string): Iterable<Id> {
    return this.ids.get(foldName(name)) ?? [];
  }

  add(endpoint: Endpoint): void {
    for (const name of namesOf(endpoint)) {
      const ids = this.ids.get(name);
      if (ids) ids.add(endpoint.id);
      else this.ids.set(name, new Set([endpoint.id]));
    }
  }

  delete(endpoint: Endpoint): void {
    for (const name of namesOf(endpoint)) {
      const ids = this.ids.get(name);
      ids?.delete(endpoint.id);
      if (ids?.size === 0) this.ids.delete(name);
    }
  }
}

const namesOf = ({ name, aliases }: Endpoint): string[] => [name, ...aliases].map(foldName);
