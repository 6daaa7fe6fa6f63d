import type { Clients } from '#transport/client.ts';

/** Where each wish shows once it was carried out. */
const SHOWN_BY: Readonly<Record<string, string>> = {
  createNetwork: 'weft network ls',
  changeNetwork: 'weft network ls',
  removeNetwork: 'weft network ls',
  addPeer: 'weft peer ls',
  removePeer: 'weft peer ls',
  removeHost: 'weft host ls',
  evictHost: 'weft host ls',
  publishPort: 'weft publish ls',
  unpublishPort: 'weft publish ls',
  exposeNetwork: 'weft network inspect NAME',
  hideNetwork: 'weft network inspect NAME',
  adoptBridge: 'weft network inspect NAME',
  disownBridge: 'weft network inspect NAME',
  repairAddresses: 'weft ipam audit',
  attach: 'weft endpoint ls',
  detach: 'weft endpoint ls',
  reset: 'weft agent reset --dry-run',
};

/** Which wish was sent and not answered: whoever has it may carry it out all the same, when nobody waits any more. */
export interface PendingWish {
  shownBy?: string;
}

/** The same clients, that note in `pending` what they were asked to do. */
export const notingWishes = (clients: Clients, pending: PendingWish): Clients => ({
  controller: noting(clients.controller, pending),
  agent: noting(clients.agent, pending),
  close: () => clients.close(),
});

type Call = (request: { readonly dryRun?: boolean }, options: unknown) => unknown;

const noting = <T extends object>(client: T, pending: PendingWish): T =>
  new Proxy(client, {
    get(target, name) {
      const call = Reflect.get(target, name) as Call;
      return (...[request, options]: Parameters<Call>) => {
        pending.shownBy = request.dryRun ? undefined : SHOWN_BY[String(name)];
        return call(request, options);
      };
    },
  });
