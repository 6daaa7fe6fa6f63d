/*
 * Asks a name server for the address of one name, again and again, over UDP.
 *
 *     lookups ADDRESS NAME MS WINDOW     so many questions under way at any time
 *
 * Prints: answers a second, p50 and p99 of the time to the answer in microseconds, unanswered within a second, wrong.
 */
#include "netlink.h"

#include <poll.h>

#define MOST (1 << 22)

static float took[MOST];

static int by_size(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

// RFC 1035, 4.1: a header with RD, then the name in labels, type A, class IN.
static int question(unsigned char *out, const char *name) {
  unsigned char *at = out;
  memcpy(at, "\0\0\1\0\0\1\0\0\0\0\0\0", 12);
  at += 12;
  while (*name) {
    int length = strcspn(name, ".");
    *at++ = length;
    memcpy(at, name, length);
    at += length;
    name += length + (name[length] == '.');
  }
  memcpy(at, "\0\0\1\0\1", 5);
  return at + 5 - out;
}

int main(int argc, char **argv) {
  if (argc != 5) return 1;
  int window = atoi(argv[4]), fd = socket(AF_INET, SOCK_DGRAM, 0), count = 0, lost = 0, wrong = 0;
  double ms = atof(argv[3]), sent[1024], begin, now, next_look;
  unsigned char ask[512], answer[1500];
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)};
  inet_pton(AF_INET, argv[1], &to.sin_addr);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
  int length = question(ask, argv[2]);
#define SEND(id) (ask[0] = (id) >> 8, ask[1] = (id) & 255, sent[id] = now_ms(), send(fd, ask, length, 0))
  begin = next_look = now_ms();
  for (int id = 0; id < window; id++) SEND(id);
  struct pollfd readable = {.fd = fd, .events = POLLIN};
  while ((now = now_ms()) < begin + ms && count < MOST) {
    if (now > next_look) {
      for (int id = 0; id < window; id++)
        if (now > sent[id] + 1000) lost++, SEND(id);
      next_look = now + 100;
    }
    if (poll(&readable, 1, 100) < 1) continue;
    int got = recv(fd, answer, sizeof answer, MSG_DONTWAIT), id = answer[0] << 8 | answer[1];
    if (got < 12 || id >= window) continue;
    took[count++] = (now_ms() - sent[id]) * 1000;
    // No error, and an answer: else the figures are of something else.
    if ((answer[3] & 15) || !(answer[6] | answer[7])) wrong++;
    SEND(id);
  }
  qsort(took, count, sizeof *took, by_size);
  printf("%.0f %.1f %.1f %d %d\n", count / (now_ms() - begin) * 1000, count ? took[count / 2] : 0,
         count ? took[(int)(count * 0.99)] : 0, lost, wrong);
  return 0;
}
