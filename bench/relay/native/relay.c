// The limit: what a relay that does nothing else reaches with recvmmsg and sendmmsg. Datagrams from A go to
// B and those from B go to A, whatever they are; others are dropped.
//   relay ADDRESS PORT ADDRESS_OF_A PORT_OF_A ADDRESS_OF_B PORT_OF_B
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { kBatch = 128, kSlotBytes = 9024, kBufferBytes = 1 << 20, kProgramArguments = 7 };

static struct mmsghdr messages[kBatch];
static struct iovec vectors[kBatch];
static struct sockaddr_in peers[kBatch];
static unsigned char slots[kBatch][kSlotBytes];

static struct sockaddr_in Address(char **arguments) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  inet_pton(AF_INET, arguments[0], &address.sin_addr);
  address.sin_port = htons((unsigned short)atoi(arguments[1]));
  return address;
}

static int IsSame(const struct sockaddr_in *a, const struct sockaddr_in *b) {
  return a->sin_addr.s_addr == b->sin_addr.s_addr && a->sin_port == b->sin_port;
}

int main(int argc, char **argv) {
  if (argc != kProgramArguments) {
    fprintf(stderr, "usage: relay ADDRESS PORT ADDRESS_OF_A PORT_OF_A ADDRESS_OF_B PORT_OF_B\n");
    return 2;
  }
  struct sockaddr_in self = Address(argv + 1);
  const struct sockaddr_in sides[2] = {Address(argv + 3), Address(argv + 5)};
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof self) != 0) {
    perror("bind");
    return 1;
  }
  const int buffer = kBufferBytes;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  for (int i = 0; i < kBatch; i++) {
    messages[i].msg_hdr.msg_name = &peers[i];
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  puts("listening");
  fflush(stdout);
  for (;;) {
    for (int i = 0; i < kBatch; i++) {
      vectors[i] = (struct iovec){slots[i], kSlotBytes};
      messages[i].msg_hdr.msg_namelen = sizeof peers[i];
    }
    const int received = recvmmsg(fd, messages, kBatch, MSG_WAITFORONE, NULL);
    if (received < 0) {
      if (errno == EINTR) continue;
      perror("recvmmsg");
      return 1;
    }
    int total = 0;
    for (int i = 0; i < received; i++) {
      const int from_a = IsSame(&peers[i], &sides[0]);
      if (!from_a && !IsSame(&peers[i], &sides[1])) continue;
      peers[i] = sides[from_a];
      vectors[i].iov_len = messages[i].msg_len;
      messages[total++].msg_hdr = messages[i].msg_hdr;
    }
    for (int sent = 0; sent < total;) {
      const int n = sendmmsg(fd, messages + sent, (unsigned)(total - sent), 0);
      sent += n > 0 ? n : 1;
    }
    // The headers of a batch with strangers in it were moved.
    for (int i = 0; total < received && i < kBatch; i++) {
      messages[i].msg_hdr.msg_name = &peers[i];
      messages[i].msg_hdr.msg_iov = &vectors[i];
    }
  }
}
