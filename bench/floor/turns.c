/*
 * What two containers can send each other, by several ways in turns: one process on one CPU with sockets in all of their
 * namespaces, so that each way meets the same machine, and a difference of a hundredth is seen.
 *
 *     turns MS FROM TO ADDRESS [FROM TO ADDRESS …]
 *
 * For each line on its input it sends for MS milliseconds by each way, and prints for each: round trips of a byte, packets
 * of 64 bytes and bits of a TCP stream a second. FROM and TO are files of network namespaces, ADDRESS is TO's, IPv4.
 *
 * Each time the stream is a new connection: one keeps for good how it cut its first segments, which is worth a fifth.
 */
#include "netlink.h"

#include <netinet/tcp.h>
#include <poll.h>

enum { MEASURES = 3, MOST_WAYS = 4, PORT = 5202, PACKET_BYTES = 64, BURST = 64, CHUNK_BYTES = 65536, WARM_UP_MS = 5 };

struct way {
  char **words;
  int udp_from, udp_to, tcp_from, tcp_to;
};

static char buffer[CHUNK_BYTES];

static void go_to(const char *file) {
  int fd = open_namespace(file);
  enter(fd);
  close(fd);
}

/** A loss is waited for this long, and asked again. */
static int impatient(int fd) {
  struct timeval limit = {.tv_usec = 100000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return fd;
}

static struct sockaddr_in at(const char *address) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  if (inet_pton(AF_INET, address, &to.sin_addr) != 1) die(address);
  return to;
}

static void bind_to_port(int fd) {
  struct sockaddr_in any = at("0.0.0.0");
  if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0) die("bind");
}

static void connect_to(int fd, const struct way *way) {
  struct sockaddr_in to = at(way->words[2]);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
}

static struct way open_way(char **words) {
  struct way way = {.words = words, .tcp_from = -1, .tcp_to = -1};
  go_to(words[1]);
  way.udp_to = impatient(socket(AF_INET, SOCK_DGRAM, 0));
  bind_to_port(way.udp_to);
  go_to(words[0]);
  way.udp_from = impatient(socket(AF_INET, SOCK_DGRAM, 0));
  connect_to(way.udp_from, &way);
  return way;
}

static void open_stream(struct way *way) {
  int on = 1;
  close(way->tcp_from);
  close(way->tcp_to);
  go_to(way->words[1]);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  bind_to_port(listener);
  if (listen(listener, 1) < 0) die("listen");
  go_to(way->words[0]);
  way->tcp_from = socket(AF_INET, SOCK_STREAM, 0);
  connect_to(way->tcp_from, way);
  way->tcp_to = accept(listener, 0, 0);
  if (way->tcp_to < 0) die("accept");
  close(listener);
}

static double trips(const struct way *way) {
  struct sockaddr_in from;
  socklen_t length = sizeof from;
  if (send(way->udp_from, buffer, 1, 0) != 1) die("send");
  if (recvfrom(way->udp_to, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length) < 0) return 0;
  if (sendto(way->udp_to, buffer, 1, 0, (struct sockaddr *)&from, length) != 1) die("send back");
  return recv(way->udp_from, buffer, sizeof buffer, 0) > 0;
}

static double packets(const struct way *way) {
  int arrived = 0;
  for (int i = 0; i < BURST; i++) send(way->udp_from, buffer, PACKET_BYTES, 0);
  while (recv(way->udp_to, buffer, sizeof buffer, MSG_DONTWAIT) > 0) arrived++;
  return arrived;
}

static double bits(const struct way *way) {
  ssize_t sent = send(way->tcp_from, buffer, sizeof buffer, MSG_DONTWAIT), part, arrived = 0;
  while ((part = recv(way->tcp_to, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) arrived += part;
  if (sent <= 0 && arrived == 0) {
    struct pollfd ends[] = {{way->tcp_from, POLLOUT, 0}, {way->tcp_to, POLLIN, 0}};
    poll(ends, 2, 10);
  }
  return arrived * 8.0;
}

enum { STREAM = 2 };
static double (*const measures[MEASURES])(const struct way *) = {trips, packets, [STREAM] = bits};

static double per_second(int measure, const struct way *way, double ms) {
  double count = 0, start = now_ms(), end = start;
  for (; end < start + ms; end = now_ms()) count += measures[measure](way);
  return count / (end - start) * 1000;
}

int main(int argc, char **argv) {
  struct way ways[MOST_WAYS];
  double results[MOST_WAYS][MEASURES];
  char line[16];
  int count = (argc - 2) / 3;
  cpu_set_t first;
  if (argc < 5 || (argc - 2) % 3 || count > MOST_WAYS) return 1;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  sched_setaffinity(0, sizeof first, &first);
  for (int i = 0; i < count; i++) ways[i] = open_way(argv + 2 + 3 * i);
  for (int round = 0; fgets(line, sizeof line, stdin); round++) {
    for (int measure = 0; measure < MEASURES; measure++)
      for (int i = 0; i < count; i++) {
        int which = (i + round) % count; // None is always the first.
        if (measure == STREAM) {
          open_stream(&ways[which]);
          per_second(STREAM, &ways[which], WARM_UP_MS);
        }
        results[which][measure] = per_second(measure, &ways[which], atof(argv[1]));
      }
    for (int i = 0; i < count; i++)
      printf("%.1f %.1f %.0f%c", results[i][0], results[i][1], results[i][2], i + 1 < count ? ' ' : '\n');
    fflush(stdout);
  }
  return 0;
}
