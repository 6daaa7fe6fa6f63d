import { MemoryStore } from './memory-store.ts';
import { storeContract } from './store.contract.ts';

storeContract('memory store', () => ({
  open: async () => new MemoryStore(),
  durable: false,
  clean: async () => {},
}));
