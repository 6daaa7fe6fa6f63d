import type { AgentEffect } from '#agent/event.ts';
import type { Uplink } from '#agent/uplink.ts';
import type { FollowMessage } from '#api/follow-message.ts';
import type { HostStatus } from '#model/host-status.ts';
import { checkHeard } from './agent-checks.ts';
import type { AgentProcess } from './agent-process.ts';
import type { Carrier } from './ends.ts';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

export type AskingEffect = Extract<AgentEffect['effect'], `ask-${string}` | 'publish' | 'publish-stations'>;

/** What an agent and the controller say to each other, as agent/engine.ts has it said. */
export class AgentSession {
  readonly #world: World;
  readonly #machine: Machine;
  readonly #agent: AgentProcess;
  readonly #uplink: Uplink;

  constructor(world: World, machine: Machine, agent: AgentProcess) {
    this.#world = world;
    this.#machine = machine;
    this.#agent = agent;
    this.#uplink = world.cores.createUplink(this.#carrier);
  }

  connect(afterMs: number): void {
    this.#world.timeline.after(afterMs, () => {
      if (this.#agent.isAlive) this.#when(this.#beginSession(), () => {});
    });
  }

  /** As agent/engine.ts does. */
  async #beginSession(): Promise<void> {
    const { name, id, words } = this.#machine;
    this.#world.timeline.awaitPromises();
    let reason = 'ended';
    try {
      await this.#uplink.register(id, words);
      await this.#uplink.follow(name, (message) => this.#hear(message));
    } catch (error) {
      reason = (error as Error).message;
    }
    this.#agent.dispatch({ event: 'disconnected', reason });
  }

  /** A violation is none of the wire's. */
  #hear(message: FollowMessage): void {
    try {
      this.#agent.dispatch({ event: 'heard', message });
      if (message.message === 'snapshot') this.#agent.isConfirmed = true;
      if (this.#agent.isAlive) checkHeard(this.#world, this.#machine, this.#agent.state, message);
    } catch (error) {
      this.#world.timeline.fail(error);
    }
  }

  disconnect(reason: string): void {
    this.#uplink.disconnect(reason);
    this.#world.timeline.awaitPromises();
  }

  reportStatus(status: HostStatus): void {
    this.#when(this.#uplink.reportStatus(status), () => {});
  }

  ask(effect: Extract<AgentEffect, { effect: AskingEffect }>): void {
    const uplink = this.#uplink;
    this.#world.note(this.#machine.name, () => describe(effect));
    switch (effect.effect) {
      case 'ask-attach':
      case 'ask-hold': {
        const event = effect.effect === 'ask-attach' ? 'attach-granted' : 'hold-granted';
        const { request } = effect;
        this.#when(uplink.attach(effect.wish), (grant) => this.#agent.dispatch({ event, request, grant }));
        break;
      }
      case 'publish': {
        const { id, generation } = effect.endpoint;
        this.#when(uplink.publish(effect.endpoint), (outcome) =>
          this.#agent.dispatch({ event: 'published', endpoint: id, generation, outcome }),
        );
        break;
      }
      case 'ask-blocks': {
        const { network } = effect.wish;
        this.#when(uplink.acquireBlocks(effect.wish), () =>
          this.#agent.dispatch({ event: 'blocks-acquired', network }),
        );
        break;
      }
      case 'ask-return': {
        const { network } = effect;
        this.#when(uplink.returnBlocks(network, this.#machine.name), (outcome) =>
          this.#agent.dispatch({ event: 'blocks-returned', network, outcome }),
        );
        break;
      }
      case 'publish-stations': {
        const { adoption, stations } = effect;
        this.#when(uplink.publishStations(adoption, stations), (outcome) =>
          this.#agent.dispatch({ event: 'stations-published', adoption, outcome }),
        );
        break;
      }
      case 'ask-detach': {
        const { endpoint } = effect.wish;
        this.#when(uplink.detach(effect.wish), (refused) =>
          this.#agent.dispatch({ event: 'detach-granted', endpoint, refused }),
        );
      }
    }
  }

  /** Who is dead says nothing any more. */
  get #carrier(): Carrier {
    const { wire } = this.#machine;
    const nothing = () => {};
    return {
      call: (...words) => (this.#agent.isAlive ? wire.call(...words) : nothing),
      follow: (...words) => (this.#agent.isAlive ? wire.follow(...words) : nothing),
    };
  }

  /** What goes wrong with what nobody awaits ends the run. */
  #when<T>(promise: Promise<T>, then: (value: T) => void): void {
    const { timeline } = this.#world;
    promise.then(then).catch((error) => timeline.fail(error));
    timeline.awaitPromises();
  }
}

const describe = (effect: Extract<AgentEffect, { effect: AskingEffect }>): string =>
  effect.effect === 'publish'
    ? `publishes ${effect.endpoint.id} generation ${effect.endpoint.generation}`
    : `${effect.effect} ${'wish' in effect && 'endpoint' in effect.wish ? effect.wish.endpoint : ''}`;
