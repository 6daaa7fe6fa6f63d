import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestHost, type TestHost } from '../test-cli.ts';

let host: TestHost;
beforeEach(() => {
  host = createTestHost();
});
afterEach(() => host.close());

test('unpublish takes nothing back for a mapping that is empty, as an unset variable leaves it', async () => {
  const seen: string[] = [];
  await host.serve('agent', {
    controller: {
      unpublishPort: ({ mapping }) => {
        seen.push(mapping);
        return {};
      },
    },
  });
  expect(await host.run('unpublish', 'shop', '')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('port "": is empty'),
  });
  expect(seen).toEqual([]);
  expect(await host.run('unpublish', 'shop')).toMatchObject({ code: 0 });
  expect(seen).toEqual(['']);
});
