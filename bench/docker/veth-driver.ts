import { closeSync, openSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type Conversation, openConversation } from '#netlink/conversation.ts';
import { namedNamespacePath } from '#netlink/named-namespace.ts';
import { encodeDeleteLink, encodeNewLink } from '#netlink/route/link.ts';

/**
 * The floor: a network driver of Docker's plugin protocol that makes a veth pair for a container, one end up on the
 * host, and nothing else. No more than that can be done without a driver, and no driver can do less and be of use.
 */
export class VethDriver {
  private readonly server: Server;
  private readonly conversation: Conversation;

  /** `socket`: /run/docker/plugins/NAME.sock of the host; `namespace`: the host's. */
  constructor(socket: string, namespace: string) {
    const fd = openSync(namedNamespacePath(namespace), 'r');
    this.conversation = openConversation(fd);
    closeSync(fd);
    this.server = createServer((asked, reply) => {
      let text = '';
      asked.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      asked.on('end', () => {
        reply.setHeader('Content-Type', 'application/vnd.docker.plugins.v1.2+json');
        reply.end(JSON.stringify(this.answer(asked.url!, text)));
      });
    }).listen(socket);
  }

  private answer(method: string, text: string): object {
    switch (method) {
      case '/Plugin.Activate':
        return { Implements: ['NetworkDriver'] };
      case '/NetworkDriver.GetCapabilities':
        return { Scope: 'local' };
      case '/NetworkDriver.CreateEndpoint':
        this.makePair(nameOf(text));
        return { Interface: { MacAddress: '02:00:00:00:00:99' } };
      case '/NetworkDriver.Join':
        return { InterfaceName: { SrcName: `${nameOf(text)}c`, DstPrefix: 'eth' } };
      case '/NetworkDriver.DeleteEndpoint':
        this.conversation.request(encodeDeleteLink({ name: nameOf(text) }));
        return {};
      case '/NetworkDriver.EndpointOperInfo':
        return { Value: {} };
      default:
        return {};
    }
  }

  private makePair(name: string): void {
    const info = { kind: 'veth', peer: { name: `${name}c` } };
    this.conversation.request(encodeNewLink({ name, up: true, ...info }));
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
    this.conversation.close();
  }
}

const nameOf = (text: string): string => `fl${JSON.parse(text).EndpointID.slice(0, 10)}`;
