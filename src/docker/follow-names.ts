import type { Logger } from 'pino';
import type { HostDoor } from '#api/door.ts';
import { describeContainer, type EndpointPlace } from './container-names.ts';
import { RUNTIME } from './driver-parts.ts';
import type { EngineApi, EngineContainer, EngineEvent, EngineNetwork } from './engine-api.ts';

/** What a container's events may have changed of its names. */
const RENEWING = new Set(['create', 'start', 'rename', 'update']);

/**
 * Which container an endpoint is of, and how it is called: Docker's drivers are never told. An inspect waits until a
 * container has started, so it is made when the container is created, and kept; at Join the endpoint's network says
 * which container that is. All of it is asked again when the container has started, was connected, or renamed.
 */
export class NameFollower {
  private readonly door: HostDoor;
  private readonly api: EngineApi;
  private readonly log: Logger;
  /** By id, of those that have not been removed. */
  private readonly containers = new Map<string, EngineContainer>();

  constructor(door: HostDoor, api: EngineApi, log: Logger) {
    this.door = door;
    this.api = api;
    this.log = log;
  }

  hear({ Type, Action, Actor }: EngineEvent): void {
    if (Type === 'container' && Action === 'create') this.meet(Actor.ID, Actor.Attributes ?? {});
    if (Type === 'container' && RENEWING.has(Action)) void this.renew(Actor.ID);
    if (Type === 'container' && Action === 'destroy') this.containers.delete(Actor.ID);
    if (Type === 'network' && Action === 'connect' && Actor.Attributes?.container)
      void this.renew(Actor.Attributes.container);
  }

  /** Outside of the call: within it, dockerd may hold what the answer waits for. */
  async join(dockerNetwork: string, handle: string): Promise<void> {
    try {
      const network = await this.api.network(dockerNetwork);
      const entry = Object.entries(network?.Containers ?? {}).find(
        ([, { EndpointID }]) => EndpointID === handle,
      );
      if (!network || !entry) return;
      const container = this.find(entry[0], entry[1].Name);
      if (container) this.describe(network, handle, container);
      else await this.renew(entry[1].Name);
    } catch (error) {
      this.log.debug(
        { handle, reason: (error as Error).message },
        'Docker did not say whose endpoint this is',
      );
    }
  }

  /** Everything again: nobody knows what happened while nobody listened. */
  async renewAll(): Promise<void> {
    const ids = await this.api.containers();
    for (const id of this.containers.keys()) if (!ids.includes(id)) this.containers.delete(id);
    for (const id of ids) await this.renew(id);
  }

  /** What the event itself tells, which is all but the aliases, in case the inspect has to wait for the start. */
  private meet(Id: string, { name, image, ...Labels }: Readonly<Record<string, string>>): void {
    if (name) this.containers.set(Id, { Id, Name: name, Config: { Labels, Image: image } });
  }

  private async renew(id: string): Promise<void> {
    try {
      const container = await this.api.container(id);
      if (!container) return void this.containers.delete(id);
      this.containers.set(container.Id, container);
      for (const [name, { NetworkID, EndpointID }] of Object.entries(
        container.NetworkSettings?.Networks ?? {},
      ))
        if (NetworkID && EndpointID) this.describe({ Id: NetworkID, Name: name }, EndpointID, container);
    } catch (error) {
      this.log.debug(
        { container: id, reason: (error as Error).message },
        'Docker did not say how this is called',
      );
    }
  }

  private describe(
    { Id, Name }: Pick<EngineNetwork, 'Id' | 'Name'>,
    handle: string,
    container: EngineContainer,
  ): void {
    const place: EndpointPlace = { dockerNetwork: Id, networkName: Name };
    this.door.describe(RUNTIME, handle, describeContainer(container, place));
  }

  private find(key: string, name: string): EngineContainer | undefined {
    return (
      this.containers.get(key) ??
      [...this.containers.values()].find((container) => container.Name.replace(/^\//, '') === name)
    );
  }
}
