import { describe, expect, it } from 'vitest';
import { describeContainer } from './container-names.ts';
import type { EngineContainer } from './engine-api.ts';

const ID = '42fcef0144272b3fc8aee94844b8d059a60470363b272ab6dbf3e021211d5dc1';
const NETWORK = '4cca2682ccb714e6b4616f1d9e6720bbb5703dc9a2faa54335737f059a32370c';
const place = { dockerNetwork: NETWORK, networkName: 'app' };
const container = (more: Partial<EngineContainer> = {}): EngineContainer => ({
  Id: ID,
  Name: '/web1',
  ...more,
});
const inNetwork = (key: string, words: Record<string, string | string[]>): EngineContainer =>
  container({ NetworkSettings: { Networks: { other: { Aliases: ['no'] }, [key]: words } } });
const aliases = (each: EngineContainer) => describeContainer(each, place).aliases;

describe('a container is found', () => {
  it('by its name, and the beginning of its id', () => {
    expect(describeContainer(container(), place)).toEqual({
      name: 'web1',
      aliases: ['42fcef014427'],
      containerId: ID,
    });
  });

  it('by its aliases in this network, whatever the network was called', () => {
    for (const key of ['app', NETWORK, NETWORK.slice(0, 12)])
      expect(aliases(inNetwork(key, { Aliases: ['web', '42fcef014427'] }))).toEqual(['web', '42fcef014427']);
    expect(aliases(inNetwork('renamed', { NetworkID: NETWORK, Aliases: ['web'] }))).toEqual([
      'web',
      '42fcef014427',
    ]);
  });

  it('by what newer engines list', () => {
    const words = { Aliases: ['web'], DNSNames: ['web1', 'web', '42fcef014427', 'the-host'] };
    expect(aliases(inNetwork('app', words))).toEqual(['web', '42fcef014427', 'the-host']);
  });

  it('and is told what it was made from', () => {
    expect(describeContainer(container({ Config: { Image: 'nginx:1' } }), place).image).toBe('nginx:1');
  });

  it('by its Compose service', () => {
    const labels = { 'com.docker.compose.service': 'front', 'com.docker.compose.project': 'shop' };
    expect(aliases(container({ Config: { Labels: labels } }))).toEqual(['front', '42fcef014427']);
  });

  it('by its aliases, though its name is longer than a name can be', () => {
    const long = { ...inNetwork('app', { Aliases: ['web'] }), Name: `/${'x'.repeat(200)}` };
    expect(describeContainer(long, place)).toMatchObject({
      aliases: ['web', '42fcef014427'],
      containerId: ID,
    });
  });

  it('not by the service that a single command is run as', () => {
    const labels = { 'com.docker.compose.service': 'front', 'com.docker.compose.oneoff': 'True' };
    expect(aliases(container({ Config: { Labels: labels } }))).toEqual(['42fcef014427']);
    const asked = inNetwork('app', { Aliases: ['front'] });
    expect(aliases({ ...asked, Config: { Labels: labels } })).toEqual(['front', '42fcef014427']);
    const service = { ...labels, 'com.docker.compose.oneoff': 'False' };
    expect(aliases(container({ Config: { Labels: service } }))).toEqual(['front', '42fcef014427']);
  });

  it('by no word that is no name, and by each once', () => {
    expect(aliases(inNetwork('app', { Aliases: ['a b', '', '_x', 'Web', 'web', 'WEB1'] }))).toEqual([
      'web',
      '42fcef014427',
    ]);
    expect(
      aliases(inNetwork('app', { Aliases: Array.from({ length: 99 }, (_, n) => `a${n}`) })),
    ).toHaveLength(64);
  });
});
