import type { ToResolver } from '#api/names-feed.ts';
import { NameTable } from '#dns/name-table.ts';
import type { Asker } from '#dns/resolve.ts';
import type { Id } from '#model/id.ts';
import type { Revision } from '#model/records.ts';

/** What is known of names: as the agent told it last, whatever has become of the agent since. */
export class Names {
  revision: Revision = 0;
  private table = new NameTable();
  /** What is to replace it, while that is being told. */
  private coming: { table: NameTable; revision: Revision } | undefined;
  private isCurrent = false;

  asker(networks: readonly Id[]): Asker {
    return { table: this.table, networks, isCurrent: this.isCurrent };
  }

  hear(message: Exclude<ToResolver, { say: 'sandboxes' | 'hand-over' | 'make-way' }>): void {
    switch (message.say) {
      case 'whole-begins':
        this.coming = { table: new NameTable(), revision: 0 };
        return;
      case 'whole-ends':
        if (this.coming) ({ table: this.table, revision: this.revision } = this.coming);
        this.coming = undefined;
        return;
      case 'current':
        this.isCurrent = message.isCurrent;
        return;
      case 'names': {
        const table = this.coming?.table ?? this.table;
        for (const id of message.gone) {
          table.deleteEndpoint(id);
          table.deleteNetwork(id);
        }
        for (const network of message.networks) table.putNetwork(network);
        for (const endpoint of message.endpoints) table.putEndpoint(endpoint);
        if (this.coming) this.coming.revision = message.revision;
        // An agent whose view is older than what is known tells of its own alone.
        else this.revision = Math.max(this.revision, message.revision);
      }
    }
  }

  /** Nobody tells any more: a name may have come that we do not hear of. */
  loseTeller(): void {
    this.isCurrent = false;
    this.coming = undefined;
  }
}
