/*
 * Round trips of one byte over one TCP connection, both ends on one CPU: what a packet costs, with little noise.
 *
 *     pingpong serve PORT              answers one connection, then ends
 *     pingpong ask ADDRESS PORT MS     for so long; prints round trips a second
 */
#include "netlink.h"

#include <netinet/tcp.h>

static void pin(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static int no_delay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static int serve(int port) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
  char byte;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&any, sizeof any) < 0 || listen(listener, 1) < 0) die("listen");
  printf("ready\n");
  fflush(stdout);
  int fd = no_delay(accept(listener, 0, 0));
  while (read(fd, &byte, 1) == 1)
    if (write(fd, &byte, 1) != 1) break;
  return 0;
}

static int ask(const char *address, int port, double ms) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  int fd = no_delay(socket(AF_INET, SOCK_STREAM, 0)), trips = 0;
  char byte = 0;
  inet_pton(AF_INET, address, &to.sin_addr);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
  double start = now_ms(), end = start;
  for (; end < start + ms; end = now_ms(), trips++)
    if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1) die("ping-pong");
  printf("%.1f\n", trips / (end - start) * 1000);
  return 0;
}

int main(int argc, char **argv) {
  pin();
  if (argc == 3 && !strcmp(argv[1], "serve")) return serve(atoi(argv[2]));
  if (argc == 5 && !strcmp(argv[1], "ask")) return ask(argv[2], atoi(argv[3]), atof(argv[4]));
  return 1;
}
