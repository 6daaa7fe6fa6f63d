import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { compose } from '../world/compose.ts';
import { until } from '../world/world.ts';
import { onEngines } from './on-engines.ts';

/** examples/compose, as its README says: one project on each host. */
const EXAMPLE = path.resolve(import.meta.dirname, '../../examples/compose');
const PROJECTS = { h1: 'one', h2: 'two' } as const;
const HOSTS = ['h1', 'h2'] as const;
type Host = (typeof HOSTS)[number];

onEngines('Compose', (world) => {
  beforeAll(() => cpSync(EXAMPLE, path.join(world().directory, 'compose'), { recursive: true }));

  const project = (host: Host) => path.join(world().directory, 'compose', PROJECTS[host]);
  const composeOn = (host: Host, ...words: readonly string[]) =>
    compose(world().engine(host), project(host), ...words);
  const asks = (host: Host, service: string, name: string) =>
    composeOn(host, 'exec', '-T', service, ...['/bin/busybox', 'wget', '-q', '-O', '-', `http://${name}/`]);
  const onBoth = <T>(work: (host: Host) => Promise<T>) => Promise.all(HOSTS.map(work));
  const hasNetwork = (host: Host) =>
    world()
      .engine(host)
      .docker('network', 'inspect', 'app')
      .then(
        () => true,
        () => false,
      );

  /** The other host hears of a name behind the answer to who starts the service. */
  const untilAnswers = (host: Host, service: string, name: string, answer: string) =>
    until(`${name} answers`, async () => (await asks(host, service, name)).includes(answer));

  const upAndAsk = async () => {
    await onBoth((host) => composeOn(host, 'up', '-d', '--wait'));
    await untilAnswers('h1', 'api', 'shop', 'host two');
    await untilAnswers('h2', 'shop', 'api', 'host one');
  };

  test('services of two hosts find each other by name, on a network that Weft made', async () => {
    await world().weft('h1', 'network', 'create', 'app');
    await onBoth((host) => until(`${host} has it`, () => hasNetwork(host)));
    await upAndAsk();
  });

  test('a service that is made anew is found at its new address', async () => {
    await composeOn('h2', 'up', '-d', '--force-recreate', '--wait');
    await untilAnswers('h1', 'api', 'shop', 'host two');
    await composeOn('h2', 'restart');
    await untilAnswers('h1', 'api', 'shop', 'host two');
  });

  test('with the services go their names, endpoints and addresses; the network stays', async () => {
    await composeOn('h2', 'down');
    await until('shop is not found', () =>
      asks('h1', 'api', 'shop').then(
        () => false,
        ({ message }: Error) => message.includes('bad address'),
      ),
    );
    await composeOn('h1', 'down');
    await until('no endpoint is left', async () => (await world().records()).endpoints.length === 0);
    await onBoth(async (host) => expect(await hasNetwork(host)).toBe(true));
    await world().weft('h1', 'network', 'rm', 'app');
    await onBoth((host) => until(`${host} lets go of it`, async () => !(await hasNetwork(host))));
  });

  test('a project without a subnet is in the network that it made, however often it goes down and up', async () => {
    const files = HOSTS.map((host) => path.join(project(host), 'compose.yaml'));
    const before = files.map((file) => readFileSync(file, 'utf8'));
    const declared = '    name: app\n    driver: weft\n    ipam: { driver: weft }\n';
    for (const [i, file] of files.entries())
      writeFileSync(file, before[i]!.replace(/ {4}external: true\n/, declared));
    await composeOn('h1', 'up', '-d');
    await until('h2 has it', () => hasNetwork('h2'));
    for (const host of [...HOSTS, ...HOSTS]) {
      await upAndAsk();
      await composeOn(host, 'down');
    }
    await onBoth((host) => composeOn(host, 'down'));
    for (const [i, file] of files.entries()) writeFileSync(file, before[i]!);
    expect((await world().records()).networks.map(({ name }) => name)).toEqual(['app']);
    await until('no endpoint is left', async () => (await world().records()).endpoints.length === 0);
    await world().weft('h1', 'network', 'rm', 'app');
  });

  test('what a single command of a service is run in is not found as that service', async () => {
    await world().weft('h1', 'network', 'create', 'app');
    await onBoth((host) => until(`${host} has it`, () => hasNetwork(host)));
    await composeOn('h2', 'up', '-d');
    await composeOn('h2', 'run', '-d', '--no-deps', 'shop', '/bin/busybox', 'sleep', '1000');
    const endpoints = async () => (await world().records()).endpoints;
    await until('it is known', async () => (await endpoints()).some(({ name }) => /run/.test(name)));
    await until('the service is known, and only once', async () => {
      const shops = (await endpoints()).filter(({ aliases = [] }) => aliases.includes('shop'));
      expect(shops).toHaveLength(1);
      return true;
    });
    await composeOn('h2', 'down', '--remove-orphans');
    await until('no endpoint is left', async () => (await endpoints()).length === 0);
    await world().weft('h1', 'network', 'rm', 'app');
    await onBoth((host) => until(`${host} lets go of it`, async () => !(await hasNetwork(host))));
  });

  test('both projects may declare the network: one makes it, the other joins', async () => {
    const ipam = 'ipam: { driver: weft, config: [{ subnet: 10.40.0.0/24 }] }';
    for (const host of HOSTS) {
      const file = path.join(project(host), 'compose.yaml');
      const declared = `    name: app\n    driver: weft\n    ${ipam}\n`;
      writeFileSync(file, readFileSync(file, 'utf8').replace(/ {4}external: true\n/, declared));
    }
    // Both at once.
    await upAndAsk();
    expect((await world().records()).networks.map(({ name }) => name)).toEqual(['app']);
    await onBoth((host) => composeOn(host, 'down'));
    await until('no endpoint is left', async () => (await world().records()).endpoints.length === 0);
  });
});
