import { expect, it } from 'vitest';
import { EventReader } from '#kernel/event-reader.ts';
import { readMessages } from '#netlink/message.ts';
import { run, withNamespaces } from './netlink-lab.ts';

/** What the messages of other kernels say, on a device that is there. */

const MAC = [2, 0, 0, 0, 0, 5];
/** As a VXLAN device tells of a row: NDA_LLADDR, NDA_DST, NDA_CACHEINFO. */
const BY_DEVICE = [10, 0, 2, 0, ...MAC, 0, 0, 8, 0, 1, 0, 192, 0, 2, 2, 20, 0, 3, 0, ...Array(16).fill(0)];
/** As rtnetlink tells of the write itself before Linux 6.13: NDA_LLADDR alone. */
const BY_RTNETLINK = [10, 0, 2, 0, ...MAC, 0, 0];

/** RTM_NEWNEIGH of AF_BRIDGE, NUD_PERMANENT and NTF_SELF. */
function message(ifindex: number, attributes: readonly number[]) {
  const head = Buffer.from([28 + attributes.length, 0, 0, 0, 28, 0, 0, 0, ...Array(8).fill(0)]);
  const body = Buffer.from([7, 0, 0, 0, ifindex, 0, 0, 0, 0x80, 0, 2, 0]);
  return [...readMessages(Buffer.concat([head, body, Buffer.from(attributes)]))][0]!;
}

it('a row is what its device says of it, not what is said of the write', () =>
  withNamespaces(1, async ({ name, fd }) => {
    run('ip', '-n', name, 'link', 'add', 'vxlan0', 'type', 'vxlan', 'id', '5', 'dstport', '4789');
    const [{ ifindex }] = JSON.parse(run('ip', '-n', name, '-j', 'link', 'show', 'vxlan0'));
    const reader = new EventReader();
    reader.learnDevices(name, fd);
    expect(reader.read(name, message(ifindex, BY_DEVICE))).toMatchObject({
      ...{ dirty: 'row', gone: false },
      row: { mac: '02:00:00:00:00:05', dst: '192.0.2.2', state: 'permanent' },
    });
    expect(reader.read(name, message(ifindex, BY_RTNETLINK))).toBeUndefined();
  }));
