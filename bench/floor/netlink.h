// The least that a C program needs to speak rtnetlink: messages in a buffer, one send for many, one acknowledgement.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct batch {
  char bytes[65536];
  int length;
  int count;
};

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int open_route_socket(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  int size = 1 << 20;
  // The kernel answers within the call: only a fault can take longer.
  struct timeval limit = {.tv_sec = 10};
  if (fd < 0 || connect(fd, (struct sockaddr *)&kernel, sizeof kernel) < 0) die("netlink socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return fd;
}

static struct nlmsghdr *begin(struct batch *b, int type, int flags, const void *body, int body_bytes) {
  struct nlmsghdr *h = (struct nlmsghdr *)(b->bytes + b->length);
  memset(h, 0, NLMSG_LENGTH(body_bytes));
  h->nlmsg_type = type;
  h->nlmsg_flags = NLM_F_REQUEST | flags;
  h->nlmsg_seq = ++b->count;
  memcpy(NLMSG_DATA(h), body, body_bytes);
  b->length += NLMSG_SPACE(body_bytes);
  return h;
}

static struct rtattr *attribute(struct batch *b, int type, const void *data, int bytes) {
  struct rtattr *a = (struct rtattr *)(b->bytes + b->length);
  a->rta_type = type;
  a->rta_len = RTA_LENGTH(bytes);
  if (bytes) memcpy(RTA_DATA(a), data, bytes);
  b->length += RTA_SPACE(bytes);
  return a;
}

static void u8(struct batch *b, int type, unsigned char value) { attribute(b, type, &value, 1); }
static void u32(struct batch *b, int type, unsigned value) { attribute(b, type, &value, 4); }
static void text(struct batch *b, int type, const char *value) { attribute(b, type, value, strlen(value) + 1); }

/** Closes a nest that `attribute(b, type, 0, 0)` opened. */
static void end_nest(struct batch *b, struct rtattr *nest) { nest->rta_len = b->bytes + b->length - (char *)nest; }

/** Closes the message that `begin` opened. */
static void finish(struct batch *b, struct nlmsghdr *h) { h->nlmsg_len = b->bytes + b->length - (char *)h; }

/** Sends all and waits for the one acknowledgement, which the last message asks for. Any refusal ends the program. */
static void send_batch(int fd, struct batch *b) {
  char answer[65536];
  struct nlmsghdr *h = (struct nlmsghdr *)b->bytes;
  while ((char *)h + h->nlmsg_len < b->bytes + b->length) h = (struct nlmsghdr *)((char *)h + NLMSG_ALIGN(h->nlmsg_len));
  h->nlmsg_flags |= NLM_F_ACK;
  if (send(fd, b->bytes, b->length, 0) < 0) die("send");
  for (;;) {
    int length = recv(fd, answer, sizeof answer, 0);
    if (length < 0) die("recv");
    for (h = (struct nlmsghdr *)answer; NLMSG_OK(h, length); h = NLMSG_NEXT(h, length)) {
      struct nlmsgerr *e = NLMSG_DATA(h);
      if (h->nlmsg_type != NLMSG_ERROR) continue;
      errno = -e->error;
      if (e->error) die("the kernel refused");
      if ((int)h->nlmsg_seq == b->count) {
        b->length = b->count = 0;
        return;
      }
    }
  }
}

/** The number of the device with that name, in this thread's namespace. */
static int index_of(const char *name) {
  int index = if_nametoindex(name);
  if (!index) die(name);
  return index;
}

static int open_namespace(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) die(path);
  return fd;
}

static void enter(int fd) {
  if (setns(fd, CLONE_NEWNET) < 0) die("setns");
}

/** A new network namespace that lives as long as somebody has it open; this thread is in it afterwards. */
static int new_namespace(void) {
  if (unshare(CLONE_NEWNET) < 0) die("unshare");
  return open_namespace("/proc/thread-self/ns/net");
}
