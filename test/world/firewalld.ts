import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { MortalDaemon } from '#lab/machine/mortal-daemon.ts';
import { firewalldRoot } from './docker-engine.ts';
import { runInside } from './run-inside.ts';
import { until } from './world.ts';

/** Debian's firewalld with a D-Bus of its own, over the rules of a network namespace. Its settings outlive it. */
export class Firewalld {
  private readonly daemon: MortalDaemon;
  private readonly root: string;

  /** `directory` is for its files; `run` for its sockets: without it nobody else sees them. */
  constructor(directory: string, daemon: (command: readonly string[]) => MortalDaemon, run = '') {
    this.root = path.join(directory, 'root');
    for (const name of ['root', 'upper', 'work']) mkdirSync(path.join(directory, name), { recursive: true });
    const apart = ['unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-euc', INIT, 'init'];
    this.daemon = daemon([...apart, directory, firewalldRoot, run]);
  }

  async start(): Promise<void> {
    this.daemon.start();
    await until('firewalld runs', () => this.cmd('--state')).catch((error) => {
      throw new Error(`${error.message}\n${this.daemon.said()}`);
    });
  }

  /** It takes its rules with it. */
  async stop(): Promise<void> {
    await runInside(this.daemon, 'sh', '-c', `kill $(cat ${this.root}/run/firewalld.pid)`);
    await this.daemon.ended();
  }

  kill(): Promise<void> {
    return this.daemon.stop('SIGKILL');
  }

  /** `firewall-cmd …` */
  cmd(...words: readonly string[]): Promise<string> {
    return runInside(this.daemon, 'chroot', this.root, 'firewall-cmd', ...words);
  }
}

/** What Debian's packages would make when they are installed, and a bus that lets root do everything. */
const INIT = `
cd "$1"
mount -t overlay overlay -o "lowerdir=$2,upperdir=upper,workdir=work" root
mkdir -p root/proc root/dev root/run root/var/log root/var/lib/dbus
mount -t proc proc root/proc
mount --bind /dev root/dev
if [ "$3" ]; then mount --bind "$3" root/run; else mount -t tmpfs tmpfs root/run; fi
mkdir -p root/run/dbus
rm -f root/run/dbus/system_bus_socket
echo root:x:0:0:root:/root:/bin/sh >root/etc/passwd
echo root:x:0: >root/etc/group
for name in iptables ip6tables iptables-restore ip6tables-restore iptables-save ip6tables-save; do
  ln -sf xtables-nft-multi "root/usr/sbin/$name"
done
cat >root/etc/bus.conf <<END
<busconfig>
  <type>system</type> <listen>unix:path=/run/dbus/system_bus_socket</listen> <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_destination="*"/> <allow receive_sender="*"/>
  </policy>
</busconfig>
END
chroot root dbus-daemon --config-file=/etc/bus.conf --fork --nopidfile
chroot root firewalld --nofork --nopid &
echo $! >root/run/firewalld.pid
wait
`;
