/*
 * How fast a host can give containers their interface: the kernel's own price, in C, without control plane or disk.
 *
 *     attach BASE POOL      makes BASE attached containers and POOL that wait, then obeys standard input:
 *       reference N         attaches N, the bare recipe: veth with MAC and MTU into the container, the port in the
 *                           bridge and up, both links up, one address, a default route
 *       whole N             attaches N with all that Weft puts in: port flags, the port's FDB row, IPv4, IPv6 and
 *                           link-local addresses
 *     and answers one line of milliseconds for each; between two commands what was attached is deleted as a group.
 */
#include "netlink.h"

enum { MAX_CONTAINERS = 4096, GROUP = 77, MTU = 1450 };

static int containers[MAX_CONTAINERS];
static int overlay, overlay_socket, bridge;

/** `ip link add pN mtu … master br0 up type veth peer name eth0 netns C address 02:… mtu …` */
static void make_pair(int number, int container, const unsigned char *mac, int group) {
  static struct batch b;
  char name[16];
  struct ifinfomsg port = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  snprintf(name, sizeof name, "p%d", number);
  struct nlmsghdr *h = begin(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &port, sizeof port);
  text(&b, IFLA_IFNAME, name);
  u32(&b, IFLA_MTU, MTU);
  u32(&b, IFLA_MASTER, bridge);
  u32(&b, IFLA_GROUP, group);
  struct rtattr *info = attribute(&b, IFLA_LINKINFO, 0, 0);
  text(&b, IFLA_INFO_KIND, "veth");
  struct rtattr *data = attribute(&b, IFLA_INFO_DATA, 0, 0);
  struct rtattr *peer = attribute(&b, VETH_INFO_PEER, 0, 0);
  struct ifinfomsg end = {0};
  memcpy(b.bytes + b.length, &end, sizeof end);
  b.length += sizeof end;
  text(&b, IFLA_IFNAME, "eth0");
  u32(&b, IFLA_MTU, MTU);
  attribute(&b, IFLA_ADDRESS, mac, 6);
  u32(&b, IFLA_NET_NS_FD, container);
  end_nest(&b, peer);
  end_nest(&b, data);
  end_nest(&b, info);
  finish(&b, h);
  send_batch(overlay_socket, &b);
}

/** `bridge link set pN learning off flood off`; `bridge fdb replace 02:… dev pN master static` */
static void dress_port(int number, const unsigned char *mac) {
  static struct batch b;
  char name[16];
  snprintf(name, sizeof name, "p%d", number);
  struct ifinfomsg port = {.ifi_family = AF_BRIDGE, .ifi_index = index_of(name)};
  struct nlmsghdr *h = begin(&b, RTM_SETLINK, 0, &port, sizeof port);
  struct rtattr *flags = attribute(&b, IFLA_PROTINFO | NLA_F_NESTED, 0, 0);
  u8(&b, IFLA_BRPORT_LEARNING, 0);
  u8(&b, IFLA_BRPORT_UNICAST_FLOOD, 0);
  end_nest(&b, flags);
  finish(&b, h);
  struct ndmsg row = {.ndm_family = AF_BRIDGE, .ndm_ifindex = port.ifi_index, .ndm_state = NUD_NOARP, .ndm_flags = NTF_MASTER};
  h = begin(&b, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &row, sizeof row);
  attribute(&b, NDA_LLADDR, mac, 6);
  finish(&b, h);
  send_batch(overlay_socket, &b);
}

static void link_up(struct batch *b, int index) {
  struct ifinfomsg link = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  finish(b, begin(b, RTM_NEWLINK, 0, &link, sizeof link));
}

static void add_address(struct batch *b, int index, int family, const void *address, int prefix) {
  int bytes = family == AF_INET ? 4 : 16;
  struct ifaddrmsg m = {.ifa_family = family, .ifa_prefixlen = prefix, .ifa_index = index, .ifa_flags = IFA_F_NODAD};
  struct nlmsghdr *h = begin(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &m, sizeof m);
  attribute(b, IFA_LOCAL, address, bytes);
  attribute(b, IFA_ADDRESS, address, bytes);
  finish(b, h);
}

/** `ip link set lo up; ip link set eth0 up; ip addr add …; ip route add default via …` */
static void dress_container(int number, int whole) {
  static struct batch b;
  int fd = open_route_socket();
  int index = index_of("eth0");
  link_up(&b, 1);
  link_up(&b, index);
  unsigned char ipv4[4] = {10, 1, (number + 2) >> 8, number + 2};
  add_address(&b, index, AF_INET, ipv4, 16);
  if (whole) {
    unsigned char ipv6[16] = {0xfd, 1}, local[16] = {0xfe, 0x80};
    ipv6[14] = local[14] = number >> 8;
    ipv6[15] = local[15] = number + 2;
    add_address(&b, index, AF_INET6, ipv6, 64);
    add_address(&b, index, AF_INET6, local, 64);
  } else {
    unsigned char gateway[4] = {10, 1, 0, 1};
    struct rtmsg r = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC, .rtm_type = RTN_UNICAST};
    struct nlmsghdr *h = begin(&b, RTM_NEWROUTE, NLM_F_CREATE, &r, sizeof r);
    attribute(&b, RTA_GATEWAY, gateway, 4);
    u32(&b, RTA_OIF, index);
    finish(&b, h);
  }
  send_batch(fd, &b);
  close(fd);
}

static double attach(int number, int group, int whole) {
  unsigned char mac[6] = {2, 0, 0, 0, number >> 8, number};
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", containers[number]);
  double start = now_ms();
  int container = open_namespace(path);
  make_pair(number, container, mac, group);
  if (whole) dress_port(number, mac);
  enter(container);
  dress_container(number, whole);
  enter(overlay);
  close(container);
  return now_ms() - start;
}

/** `ip link del group 77`: as one, since each alone takes the kernel some 16 ms. */
static void detach_all(void) {
  static struct batch b;
  struct ifinfomsg link = {0};
  struct nlmsghdr *h = begin(&b, RTM_DELLINK, 0, &link, sizeof link);
  u32(&b, IFLA_GROUP, GROUP);
  finish(&b, h);
  send_batch(overlay_socket, &b);
}

/** `ip link add br0 up type bridge` */
static void make_bridge(void) {
  static struct batch b;
  struct ifinfomsg link = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  struct nlmsghdr *h = begin(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof link);
  text(&b, IFLA_IFNAME, "br0");
  struct rtattr *info = attribute(&b, IFLA_LINKINFO, 0, 0);
  text(&b, IFLA_INFO_KIND, "bridge");
  end_nest(&b, info);
  finish(&b, h);
  send_batch(overlay_socket, &b);
  bridge = index_of("br0");
}

int main(int argc, char **argv) {
  int base = argc > 1 ? atoi(argv[1]) : 100, pool = argc > 2 ? atoi(argv[2]) : 20;
  if (base + pool > MAX_CONTAINERS) return 1;
  for (int i = 0; i < base + pool; i++) containers[i] = new_namespace();
  overlay = new_namespace();
  overlay_socket = open_route_socket();
  make_bridge();
  for (int i = 0; i < base; i++) attach(i, GROUP + 1, 1);
  char word[16];
  for (int n; scanf("%15s %d", word, &n) == 2 && n <= pool;) {
    for (int i = 0; i < n; i++) printf("%.4f ", attach(base + i, GROUP, word[0] == 'w'));
    printf("\n");
    fflush(stdout);
    detach_all();
  }
  return 0;
}
