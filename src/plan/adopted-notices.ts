import type { BridgeFacts } from '#model/bridge-facts.ts';
import type { Id } from '#model/id.ts';
import type { Notice } from '#model/notice.ts';
import type { Adoption, Host, Network } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { FilterRules } from '#model/survey.ts';
import { adoptedMtu } from './adopted.ts';
import { OVERHEAD } from './carried-mtu.ts';
import { forwardDrop } from './forward-drop.ts';
import type { Clash } from './stations.ts';

/** More are not named one by one. */
const SHOWN = 5;

export const missingBridgeNotice = (network: Network, { bridge }: Adoption, host: Host): Notice => ({
  code: 'adopted-bridge-missing',
  title: 'An adopted bridge is not there',
  sentence: `Host ${host.name} has no bridge ${bridge}, which network ${network.name} adopted: nobody behind it is reached.`,
  next: `whoever owns ${bridge} makes it anew and it is joined at once; if it is gone for good, weft network disown ${bridge} on ${host.name}.`,
});

/** What it costs that containers keep an MTU of which one outer packet does not hold a full frame. */
export function fragmentNotices(network: Network, bridge: string, facts: BridgeFacts, host: Host): Notice[] {
  const overhead = OVERHEAD[network.underlay];
  const fits = host.facts.underlayMtu - overhead;
  const mtu = adoptedMtu(facts);
  if (mtu <= fits) return [];
  return [
    {
      code: 'adopted-mtu',
      title: 'Full frames take two packets',
      sentence: `Containers behind ${bridge} have MTU ${mtu}, and one packet of the underlay holds ${fits}: larger UDP goes out in two packets, which costs both hosts about twice as much for it; TCP is told by the kernel to send ${fits}.`,
      next: `give the containers MTU ${fits} (docker network create -o com.docker.network.driver.mtu=${fits}), or the underlay ${mtu + overhead}.`,
    },
  ];
}

/** What the host's own firewall drops on the way through the bridge, though it is no router there. */
export function filteredNotices(bridge: string, filters: readonly FilterRules[], host: Host): Notice[] {
  return filters.flatMap(({ family, rules }) => {
    const rule = forwardDrop(rules, bridge);
    if (rule === undefined) return [];
    const [command, setting] =
      family === 4 ? ['iptables', 'bridge-nf-call-iptables'] : ['ip6tables', 'bridge-nf-call-ip6tables'];
    const chain = rules.includes('-N DOCKER-USER') ? 'DOCKER-USER' : 'FORWARD';
    return [
      {
        code: 'adopted-filtered',
        title: 'The host’s firewall drops what crosses the bridge',
        sentence: `On ${host.name} bridged IPv${family} frames pass ${command} (net.bridge.${setting} is 1), and \`${rule}\` drops what goes from one port of ${bridge} to another, the tunnel among them.`,
        next: `${command} -I ${chain} -i ${bridge} -o ${bridge} -j ACCEPT; or, if nothing else needs it, sysctl net.bridge.${setting}=0.`,
      },
    ];
  });
}

/** The same MAC or address on several hosts of which this is one. */
export function clashNotices(
  snapshot: SnapshotView,
  network: Network,
  clashes: readonly Clash[],
  own: Id,
): Notice[] {
  const byHosts = new Map<string, string[]>();
  for (const { what, hosts } of clashes) {
    if (!hosts.includes(own)) continue;
    const names = hosts.map((id) => describe(snapshot, network, id)).join(' and ');
    byHosts.set(names, [...(byHosts.get(names) ?? []), what]);
  }
  return [...byHosts].map(([names, what]) => ({
    code: 'adopted-clash',
    title: 'Two hosts gave out the same address',
    sentence: `In network ${network.name}, ${listed(what)} ${what.length > 1 ? 'are' : 'is'} behind ${names}: each has its own manager of addresses, and only one of the two is reached from elsewhere.`,
    next: 'give each host a range of its own (docker network create --ip-range), or containers fixed addresses (--ip).',
  }));
}

const describe = (snapshot: SnapshotView, { id: network }: Network, host: Id): string => {
  const adoption = [...snapshot.inNetwork(network).adoptions.values()].find((each) => each.host === host);
  return `${adoption?.bridge} of host ${snapshot.hosts.get(host)?.name ?? host}`;
};

const listed = (what: readonly string[]): string =>
  what.length > SHOWN
    ? `${what.slice(0, SHOWN).join(', ')} and ${what.length - SHOWN} more`
    : what.join(', ');
