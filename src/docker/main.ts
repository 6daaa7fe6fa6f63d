import { mkdirSync } from 'node:fs';
import { dismissResolver } from '#agent/resolver-link.ts';
import { agentPaths } from '#model/paths.ts';
import { umount2Async } from '#netlink/libc.ts';

/**
 * The agent in a managed plugin of Docker's: `node plugin.js agent`, in a container with the network and the processes
 * of its host (packaging/docker-plugin/config.json, tools/build-plugin.sh).
 */

/** linux/mount.h */
const MNT_DETACH = 2;

// What a container may not write; we are its host's. Gone already is as good.
await umount2Async('/proc/sys', MNT_DETACH);
// Behind links of our own, which nobody makes directories through.
for (const name of ['netns', 'weft']) mkdirSync(`/host/run/${name}`, { recursive: true });

await import('#cli/main.ts');
// Docker kills with us whom we have started. A resolver that is killed leaves rules that lead questions to nobody.
await dismissResolver(agentPaths('/').names);
