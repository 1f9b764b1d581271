// Prints every UDP packet that enters a bridge, one line each:
//   TIME_NS SOURCE PORT DESTINATION PORT TYPE LENGTH
// TIME_NS is CLOCK_REALTIME, TYPE the first byte of the payload, LENGTH that of the payload.
//
// capture BRIDGE [TYPE]...   only payloads whose first byte is one of these, where some are given
//
// Each line of stdin is answered by `mark`, after all packets that came before it. Ends with stdin.

#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <poll.h>
#include <unistd.h>

#include <bitset>
#include <cinttypes>
#include <cstring>

#include "packet-socket.h"

namespace {

std::bitset<256> wanted;

void Print(int family, const uint8_t* source, const uint8_t* destination, const uint8_t* udp, const uint8_t* end,
           int64_t time) {
  if (udp + sizeof(udphdr) >= end) return;
  const uint8_t type = udp[sizeof(udphdr)];
  if (!wanted[type]) return;
  char from[INET6_ADDRSTRLEN];
  char to[INET6_ADDRSTRLEN];
  inet_ntop(family, source, from, sizeof from);
  inet_ntop(family, destination, to, sizeof to);
  const int length = (udp[4] << 8 | udp[5]) - static_cast<int>(sizeof(udphdr));
  std::printf("%" PRId64 " %s %d %s %d %d %d\n", time, from, udp[0] << 8 | udp[1], to, udp[2] << 8 | udp[3], type,
              length);
}

void Inspect(const uint8_t* frame, size_t length, int64_t time) {
  if (length < ETH_HLEN + sizeof(iphdr)) return;
  const int type = frame[12] << 8 | frame[13];
  const uint8_t* packet = frame + ETH_HLEN;
  const uint8_t* end = frame + length;
  if (type == ETHERTYPE_IP && packet[9] == IPPROTO_UDP && ((packet[6] & 0x1f) | packet[7]) == 0) {
    Print(AF_INET, packet + 12, packet + 16, packet + (packet[0] & 0xf) * 4, end, time);
  } else if (type == ETHERTYPE_IPV6 && length >= ETH_HLEN + sizeof(ip6_hdr) && packet[6] == IPPROTO_UDP) {
    Print(AF_INET6, packet + 8, packet + 24, packet + sizeof(ip6_hdr), end, time);
  }
}

void Drain(int fd, int bridge) {
  // Longer than all headers; the rest of a frame is of no interest.
  uint8_t buffer[256];
  alignas(cmsghdr) char control[256];
  for (;;) {
    sockaddr_ll from{};
    iovec part{buffer, sizeof buffer};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t length = recvmsg(fd, &message, 0);
    if (length < 0) return;
    // A frame that is flooded shows up a second time, on the bridge itself.
    if (from.sll_ifindex != bridge) Inspect(buffer, static_cast<size_t>(length), ArrivalTime(message));
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: capture BRIDGE [TYPE]...\n");
    return 2;
  }
  if (count == 2) wanted.set();
  for (int index = 2; index < count; index++) wanted.set(std::strtoul(arguments[index], nullptr, 10) & 0xff);
  const int bridge = static_cast<int>(if_nametoindex(arguments[1]));
  if (bridge == 0) Fail(arguments[1]);
  const int fd = OpenPacketSocket(nullptr, false);
  std::puts("ready");
  std::fflush(stdout);
  pollfd sources[] = {{fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  for (;;) {
    if (poll(sources, 2, -1) < 0) continue;
    Drain(fd, bridge);
    if (sources[1].revents != 0) {
      char text[256];
      const ssize_t length = read(STDIN_FILENO, text, sizeof text);
      if (length <= 0) return 0;
      Drain(fd, bridge);
      for (ssize_t at = 0; at < length; at++) {
        if (text[at] == '\n') std::puts("mark");
      }
    }
    std::fflush(stdout);
  }
}
