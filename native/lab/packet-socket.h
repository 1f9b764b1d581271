// An AF_PACKET socket: all frames that an interface receives, and a way to send frames out of it.
#pragma once

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

constexpr int64_t kNanoseconds = 1'000'000'000;
constexpr int kReceiveBufferBytes = 16 << 20;

[[noreturn]] inline void Fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

inline int64_t Now(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * kNanoseconds + now.tv_nsec;
}

template <typename Value>
void SetOption(int fd, int level, int name, Value value, const char* what) {
  if (setsockopt(fd, level, name, &value, sizeof value) != 0) Fail(what);
}

// Opens a non-blocking socket on one interface, or on all of them for a null name. It does not hear
// what this host sends itself.
inline int OpenPacketSocket(const char* interface, bool with_virtio_header) {
  // Protocol 0 hears nothing until the socket is bound: no frame of another interface slips in.
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) Fail("socket(AF_PACKET)");
  SetOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
  if (with_virtio_header) SetOption(fd, SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR");
  SetOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBufferBytes, "SO_RCVBUFFORCE");
  SetOption(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  if (interface != nullptr) {
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
    if (address.sll_ifindex == 0) Fail(interface);
  }
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) Fail("bind");
  return fd;
}

// The kernel's time of arrival (CLOCK_REALTIME, nanoseconds); the present time where it gives none.
inline int64_t ArrivalTime(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SO_TIMESTAMPNS) {
      const auto* time = reinterpret_cast<const timespec*>(CMSG_DATA(part));
      return time->tv_sec * kNanoseconds + time->tv_nsec;
    }
  }
  return Now(CLOCK_REALTIME);
}
