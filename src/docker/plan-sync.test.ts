import { describe, expect, it } from 'vitest';
import type { Cidr } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import type { Network } from '#model/records.ts';
import type { EngineNetwork } from './engine-api.ts';
import type { DockerNetwork } from './network-book.ts';
import { planSync, type SyncFacts } from './plan-sync.ts';
import { testId, testNetwork } from './test-door.ts';

const HOST: EngineNetwork = { Id: 'engine1', Name: 'host', Driver: 'host' };
const inDocker = (Id: string, Name: string, more: Partial<EngineNetwork> = {}): EngineNetwork => ({
  Id,
  Name,
  Driver: 'weft',
  ...more,
});
const copy = (dockerId: string, network?: Id, more: Partial<DockerNetwork> = {}): DockerNetwork => ({
  dockerId,
  network,
  subnets: [],
  named: false,
  words: { gateways: [] },
  engine: 'engine1',
  ...more,
});
const app = testNetwork('app', ['10.1.0.0/16']);

/** All at rest, but for what is said. */
function plan(facts: Partial<SyncFacts>) {
  const { actions, notices } = planSync({
    networks: [],
    connected: true,
    copies: [],
    declined: [],
    expected: new Set(),
    pending: [],
    driver: 'weft',
    ...facts,
    docker: [HOST, ...(facts.docker ?? [])],
  });
  return { actions, codes: notices.map(({ code }) => code), notices };
}
const actionsOf = (facts: Partial<SyncFacts>) => plan(facts).actions.map(({ action }) => action);

describe('a network of Weft', () => {
  it('is made in Docker, once', () => {
    expect(plan({ networks: [app] }).actions).toEqual([{ action: 'make', network: app }]);
    expect(
      actionsOf({ networks: [app], copies: [copy('d1', app.id)], docker: [inDocker('d1', 'app')] }),
    ).toEqual([]);
  });

  it('is not made while its own maker is about to, where a user removed it, nor where it adopts a bridge', () => {
    expect(actionsOf({ networks: [app], expected: new Set(['app']) })).toEqual([]);
    expect(actionsOf({ networks: [app], declined: [app.id] })).toEqual([]);
    expect(actionsOf({ networks: [{ ...app, adopts: true } as Network] })).toEqual([]);
  });

  it('is not made while Docker makes one of its subnet, whose name will tell whether it is the same', () => {
    expect(actionsOf({ networks: [app], pending: [app.subnets[0]!.cidr] })).toEqual([]);
    const awaited = copy('d1', undefined, { engine: undefined, subnets: [app.subnets[0]!.cidr] });
    expect(actionsOf({ networks: [app], copies: [awaited] })).toEqual(['await']);
    expect(actionsOf({ networks: [app], pending: ['10.2.0.0/16' as Cidr] })).toEqual(['make']);
  });

  it('that was made although Docker was about to make one of that name gives way to it', () => {
    const Options = { 'weft.network': app.id };
    const own = inDocker('d1', 'app', { Options });
    const copies = [copy('d1', app.id, { named: true }), copy('d2')];
    const { actions } = plan({ networks: [app], copies, docker: [own, inDocker('d2', 'app')] });
    expect(actions).toEqual([
      { action: 'yield', docker: own, network: app.id },
      { action: 'settle', copy: copies[1], docker: inDocker('d2', 'app') },
    ]);
    const other = inDocker('d2', 'app', { Driver: 'bridge' });
    expect(actionsOf({ networks: [app], copies: [copies[0]!], docker: [own, other] })).toEqual([]);
  });

  it('does not fight for its name', () => {
    const { actions, codes } = plan({
      networks: [app],
      docker: [inDocker('d1', 'app', { Driver: 'bridge' })],
    });
    expect([actions, codes]).toEqual([[], ['docker-name-taken']]);
  });

  it('that is gone goes from Docker, when it is certain', () => {
    const facts = { copies: [copy('d1', testId())], docker: [inDocker('d1', 'app')] };
    expect(actionsOf(facts)).toEqual(['remove']);
    expect(actionsOf({ ...facts, connected: false })).toEqual([]);
  });

  it('that is gone is no longer declined, when it is certain', () => {
    expect(actionsOf({ declined: [app.id] })).toEqual(['accept']);
    expect(actionsOf({ declined: [app.id], connected: false })).toEqual([]);
  });
});

describe('a network of Docker', () => {
  const docker = [inDocker('d1', 'app')];

  it('whose name is known now becomes one of Weft', () => {
    expect(actionsOf({ copies: [copy('d1')], docker })).toEqual(['settle']);
    // Not a second of the same name beside it.
    expect(actionsOf({ networks: [app], copies: [copy('d1')], docker })).toEqual(['settle']);
  });

  it('that Docker does not have yet is waited for, until it was seen', () => {
    expect(actionsOf({ copies: [copy('d1', undefined, { engine: undefined })] })).toEqual(['await']);
    expect(
      plan({ networks: [app], copies: [copy('d1', app.id, { engine: undefined })], docker }).actions,
    ).toEqual([{ action: 'see', copy: copy('d1', app.id, { engine: undefined }), engine: 'engine1' }]);
  });

  it('that a user removed while no agent ran is declined', () => {
    // Also where it has not been heard of again.
    for (const heard of [{ networks: [app] }, { networks: [], connected: false }])
      expect(plan({ ...heard, copies: [copy('d1', app.id)] }).actions).toMatchObject([
        { action: 'forget', decline: app.id },
      ]);
    expect(plan({ copies: [copy('d1', app.id)] }).actions).toMatchObject([
      { action: 'forget', decline: undefined },
    ]);
  });

  it('that went with all of Docker is not: a new engine gets its networks', () => {
    const old = copy('d1', app.id, { engine: 'engine0' });
    const { actions } = plan({ networks: [app], copies: [old] });
    expect(actions).toEqual([{ action: 'forget', copy: old, decline: undefined }]);
    expect(actionsOf({ networks: [app] })).toEqual(['make']);
  });

  it('of this driver that nothing is known of is taken up again', () => {
    expect(actionsOf({ docker })).toEqual(['recover']);
    expect(actionsOf({ docker: [inDocker('d1', 'app', { Driver: 'bridge' })] })).toEqual([]);
  });

  it('with another name in Weft than in Docker is told of, unless its user wished so', () => {
    const apart = testNetwork('app-2', ['10.2.0.0/16']);
    const facts = { networks: [app, apart], copies: [copy('d1', apart.id), copy('d2', app.id)] };
    const second = inDocker('d2', 'other', { Options: { 'weft.name': 'app' } });
    const { notices, codes } = plan({ ...facts, docker: [...docker, second] });
    expect(codes).toEqual(['docker-network-apart']);
    expect(notices[0]!.next).toContain('docker network rm app');
    expect(notices[0]!.sentence).toContain('10.1.0.0/16');
  });

  it('with a name that is none in DNS is no other than that which Weft has', () => {
    const web = testNetwork('web-shop', ['10.2.0.0/16']);
    const facts = { networks: [web], copies: [copy('d1', web.id)], docker: [inDocker('d1', 'web shop')] };
    const { notices, codes } = plan(facts);
    expect(codes).toEqual(['docker-network-apart']);
    expect(notices[0]!.sentence).not.toContain('do not reach each other');
    expect(notices[0]!.sentence).toContain('web-shop');
  });
});

describe("Docker's docker_gwbridge", () => {
  const bridge = (Subnet: string) =>
    inDocker('g1', 'docker_gwbridge', { Driver: 'bridge', IPAM: { Config: [{ Subnet }] } });
  const codesWith = (Subnet: string, more: Partial<Network> = {}) =>
    plan({
      networks: [{ ...app, ...more }],
      copies: [copy('d1', app.id)],
      docker: [inDocker('d1', 'app'), bridge(Subnet)],
    }).codes;

  it('with addresses of a network keeps its containers from starting, which is told', () => {
    expect(codesWith('10.1.16.0/20')).toEqual(['docker-gwbridge-overlap']);
    expect(codesWith('10.0.0.0/8')).toEqual(['docker-gwbridge-overlap']);
    expect(codesWith('172.18.0.0/16')).toEqual([]);
  });

  it('does not matter to a network that is not left by it', () => {
    expect(codesWith('10.1.0.0/16', { internal: true })).toEqual([]);
    expect(codesWith('10.1.0.0/16', { gateway: 'anycast' })).toEqual([]);
  });
});
