import { expect, test } from 'vitest';
import { optionsAnswered } from '../world/driver-table.ts';
import { until } from '../world/world.ts';
import { onEngines, refusalOf } from './on-engines.ts';

/** What docs/docker.md says of the options of Docker's own drivers. */

const MAKE = ['network', 'create', '-d', 'weft', '--ipam-driver', 'weft'];

onEngines("Options of Docker's own drivers", (world) => {
  const docker = (host: string, ...words: readonly string[]) =>
    world()
      .engine(host)
      .docker(...words);

  test("an option of Docker's own drivers that Weft does not have is refused by its name", async () => {
    const options = optionsAnswered('no');
    expect(options.length).toBeGreaterThan(10);
    for (const option of options)
      expect(await refusalOf(docker('h1', ...MAKE, '-o', `${option}=true`, 'bad'))).toContain(`-o ${option}`);
    expect((await world().records()).networks ?? []).toEqual([]);
    expect(await docker('h1', 'network', 'ls', '-q', '--filter', 'driver=weft')).toBe('');
  });

  test('the options of Docker’s own drivers that Weft has are taken', async () => {
    const options = ['driver.overlay.vxlanid_list=4242', 'driver.mtu=1400'];
    const words = options.flatMap((option) => ['-o', `com.docker.network.${option}`]);
    await docker('h1', ...MAKE, ...words, 'taken');
    await until('Weft has it', async () => (await world().records()).networks.length === 1);
    expect((await world().records()).networks).toMatchObject([{ name: 'taken', vni: 4242, mtu: 1400 }]);
  });

  test('subnet, gateway, labels and internal are what is asked for, on every host', async () => {
    const asked = ['--subnet', '10.80.0.0/24', '--gateway', '10.80.0.254', '--label', 'a=b', '--internal'];
    await docker('h1', ...MAKE, ...asked, 'asked');
    await until('h2 has it', () => docker('h2', 'network', 'inspect', 'asked'));
    for (const host of world().names) {
      const [network] = JSON.parse(await docker(host, 'network', 'inspect', 'asked'));
      expect(network).toMatchObject({ Internal: true, Labels: { a: 'b' } });
      expect(network.IPAM.Config).toMatchObject([{ Subnet: '10.80.0.0/24', Gateway: '10.80.0.254' }]);
    }
  });
});
