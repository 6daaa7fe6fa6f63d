import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedStore } from './embedded-store.ts';
import { storeContract } from './store.contract.ts';

storeContract('embedded store', () => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-store-'));
  return {
    open: () => openEmbeddedStore(join(directory, 'store')),
    durable: true,
    clean: async () => rmSync(directory, { recursive: true }),
  };
});
