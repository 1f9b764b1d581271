// The limit: what a server that does no work reaches with recvmmsg and sendmmsg. It answers each
// datagram with its first 6 bytes, the size of a classic reply.
//   echo ADDRESS PORT
// Started twice, both share the port (SO_REUSEPORT): the kernel gives each a part of the clients.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

namespace {
constexpr unsigned kBatch = 64;
constexpr size_t kSlotBytes = 128;
constexpr size_t kReplyBytes = 6;

mmsghdr messages[kBatch];
iovec vectors[kBatch];
sockaddr_in peers[kBatch];
unsigned char slots[kBatch][kSlotBytes];
}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: echo ADDRESS PORT\n");
    return 2;
  }
  sockaddr_in self{};
  self.sin_family = AF_INET;
  self.sin_port = htons(static_cast<uint16_t>(atoi(argv[2])));
  inet_pton(AF_INET, argv[1], &self.sin_addr);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&self), sizeof self) != 0) {
    perror("bind");
    return 1;
  }
  // As in our server, whose replies never need fragments: the kernel then draws no ID for each packet.
  int probe = IP_PMTUDISC_PROBE;
  setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe);
  int buffer = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  for (unsigned i = 0; i < kBatch; i++) {
    messages[i].msg_hdr.msg_name = &peers[i];
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  puts("listening");
  fflush(stdout);
  for (;;) {
    for (unsigned i = 0; i < kBatch; i++) {
      vectors[i] = {slots[i], kSlotBytes};
      messages[i].msg_hdr.msg_namelen = sizeof peers[i];
    }
    int received = recvmmsg(fd, messages, kBatch, MSG_WAITFORONE, nullptr);
    if (received < 0) {
      if (errno == EINTR) continue;
      perror("recvmmsg");
      return 1;
    }
    for (int i = 0; i < received; i++) vectors[i].iov_len = kReplyBytes;
    for (int sent = 0; sent < received;) {
      int n = sendmmsg(fd, messages + sent, static_cast<unsigned>(received - sent), 0);
      sent += n > 0 ? n : 1;
    }
  }
}
