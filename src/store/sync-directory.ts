import { open } from 'node:fs/promises';

/** Makes new names and renames in that directory durable: flushing a file does not flush its name. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
