/*
 * How fast the kernel takes and gives back rows of a VXLAN device: its own price, in C, without any planning.
 *
 *     rows FDB NEIGHBOURS BATCH     for each line on standard input: a new device, FDB rows and NEIGHBOURS rows (one
 *                                   in three IPv4, as an endpoint has two IPv6 addresses) written with BATCH messages
 *                                   a send, the FDB dumped; answers "WRITE-MS DUMP-MS", then removes the device
 */
#include "netlink.h"

static int device;

/** `ip link add vxlan0 up type vxlan id 1 dstport 4789 local 127.0.0.1 nolearning` */
static void make_device(int fd) {
  static struct batch b;
  struct ifinfomsg link = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  struct nlmsghdr *h = begin(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof link);
  text(&b, IFLA_IFNAME, "vxlan0");
  struct rtattr *info = attribute(&b, IFLA_LINKINFO, 0, 0);
  text(&b, IFLA_INFO_KIND, "vxlan");
  struct rtattr *data = attribute(&b, IFLA_INFO_DATA, 0, 0);
  unsigned short port = htons(4789);
  u32(&b, IFLA_VXLAN_ID, 1);
  attribute(&b, IFLA_VXLAN_PORT, &port, 2);
  u8(&b, IFLA_VXLAN_LEARNING, 0);
  end_nest(&b, data);
  end_nest(&b, info);
  finish(&b, h);
  send_batch(fd, &b);
  device = index_of("vxlan0");
}

static void remove_device(int fd) {
  static struct batch b;
  struct ifinfomsg link = {.ifi_index = device};
  finish(&b, begin(&b, RTM_DELLINK, 0, &link, sizeof link));
  send_batch(fd, &b);
}

static void mac_of(unsigned char *mac, int number) {
  unsigned char bytes[6] = {2, 0, number >> 24, number >> 16, number >> 8, number};
  memcpy(mac, bytes, 6);
}

/** `bridge fdb replace 02:… dev vxlan0 dst 10.99.… self permanent` */
static void add_fdb(struct batch *b, int number) {
  struct ndmsg row = {.ndm_family = AF_BRIDGE, .ndm_ifindex = device, .ndm_state = NUD_PERMANENT, .ndm_flags = NTF_SELF};
  unsigned char mac[6], vtep[4] = {10, 99, number % 1000 >> 8, number % 1000};
  mac_of(mac, number);
  struct nlmsghdr *h = begin(b, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &row, sizeof row);
  attribute(b, NDA_LLADDR, mac, 6);
  attribute(b, NDA_DST, vtep, 4);
  finish(b, h);
}

/** `ip neigh replace 10.… lladdr 02:… dev vxlan0 nud permanent protocol 119` */
static void add_neighbour(struct batch *b, int number) {
  int ipv4 = number % 3 == 0;
  struct ndmsg row = {.ndm_family = ipv4 ? AF_INET : AF_INET6, .ndm_ifindex = device, .ndm_state = NUD_PERMANENT};
  unsigned char mac[6], ip[16] = {10, number >> 16, number >> 8, number};
  mac_of(mac, number / 3);
  if (!ipv4) {
    unsigned char ipv6[16] = {0xfd, number % 3};
    memcpy(ipv6 + 12, &number, 4);
    memcpy(ip, ipv6, 16);
  }
  struct nlmsghdr *h = begin(b, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &row, sizeof row);
  attribute(b, NDA_LLADDR, mac, 6);
  attribute(b, NDA_DST, ip, ipv4 ? 4 : 16);
  u8(b, NDA_PROTOCOL, 119);
  finish(b, h);
}

static void add_all(int fd, int rows, int batch, void (*add)(struct batch *, int)) {
  static struct batch b;
  for (int i = 0; i < rows; i++) {
    add(&b, i);
    if (b.count == batch || i == rows - 1) send_batch(fd, &b);
  }
}

static int dump(int fd) {
  static struct batch b;
  static char answer[65536];
  struct ndmsg all = {.ndm_family = AF_BRIDGE};
  finish(&b, begin(&b, RTM_GETNEIGH, NLM_F_DUMP, &all, sizeof all));
  if (send(fd, b.bytes, b.length, 0) < 0) die("send");
  b.length = b.count = 0;
  for (int rows = 0;;) {
    int length = recv(fd, answer, sizeof answer, 0);
    if (length < 0) die("recv");
    for (struct nlmsghdr *h = (struct nlmsghdr *)answer; NLMSG_OK(h, length); h = NLMSG_NEXT(h, length)) {
      if (h->nlmsg_type == NLMSG_DONE) return rows;
      rows++;
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 1;
  int fdb = atoi(argv[1]), neighbours = atoi(argv[2]), batch = atoi(argv[3]);
  char line[16];
  new_namespace();
  int fd = open_route_socket();
  while (fgets(line, sizeof line, stdin)) {
    make_device(fd);
    double start = now_ms();
    add_all(fd, fdb, batch, add_fdb);
    add_all(fd, neighbours, batch, add_neighbour);
    double written = now_ms();
    if (dump(fd) < fdb) return 1;
    printf("%.3f %.3f\n", written - start, now_ms() - written);
    fflush(stdout);
    remove_device(fd);
  }
  return 0;
}
