#include "udp-descriptor.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <unistd.h>

#include "interface-flags.h"
#include "system-error.h"

namespace wg_rendezvous {

namespace {

int Set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value));
}

// The forcing option passes net.core.rmem_max or wmem_max, but needs CAP_NET_ADMIN.
bool SetBuffer(int fd, int force, int option, int bytes) {
  return bytes <= 0 || Set(fd, SOL_SOCKET, force, bytes) == 0 ||
         Set(fd, SOL_SOCKET, option, bytes) == 0;
}

int GetBuffer(int fd, int option) {
  int bytes = 0;
  socklen_t length = sizeof(bytes);
  return getsockopt(fd, SOL_SOCKET, option, &bytes, &length) == 0 ? bytes : 0;
}

// Returns the name of the system call that failed, with errno set, or nullptr.
const char* Configure(int fd, SocketAddress* address, const BufferBytes& buffers,
                      const Path& path) {
  const bool v4 = address->is_v4();
  if (!BindToInterface(fd, path.interface)) return "setsockopt";
  if (path.mark != 0 &&
      setsockopt(fd, SOL_SOCKET, SO_MARK, &path.mark, sizeof(path.mark)) != 0) {
    return "setsockopt";
  }
  if (!v4 && Set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0) return "setsockopt";
  // With the wildcard address, a reply has to leave from the address that the request was sent to.
  if (IsWildcard(*address) && (v4 ? Set(fd, IPPROTO_IP, IP_PKTINFO, 1)
                                  : Set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)) != 0) {
    return "setsockopt";
  }
  // Replies fit any path (IPv6's minimum MTU), so ICMP messages about it are ignored (as RFC 9000, 14
  // asks of QUIC); and without fragments the kernel need not draw an ID for each IPv4 packet.
  // A relay sends as WireGuard does: over IPv4 without DF and whatever ICMP claims, over IPv6 in fragments
  // where the path is known to be narrow.
  const int v4_discovery = path.fragments ? IP_PMTUDISC_OMIT : IP_PMTUDISC_PROBE;
  const int v6_discovery = path.fragments ? IPV6_PMTUDISC_WANT : IPV6_PMTUDISC_PROBE;
  if ((v4 ? Set(fd, IPPROTO_IP, IP_MTU_DISCOVER, v4_discovery)
          : Set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, v6_discovery)) != 0) {
    return "setsockopt";
  }
  if (!SetBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, buffers.receive) ||
      !SetBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, buffers.send)) {
    return "setsockopt";
  }
  if (bind(fd, address->sockaddr(), address->length()) != 0) return "bind";
  // Port 0 asked for any port: read which one it became.
  socklen_t length = address->capacity();
  if (getsockname(fd, address->sockaddr(), &length) != 0) return "getsockname";
  return nullptr;
}

}  // namespace

int OpenUdpDescriptor(Napi::Env env, SocketAddress* address, const BufferBytes& buffers,
                      const Path& path) {
  const int fd = socket(address->is_v4() ? AF_INET : AF_INET6,
                        SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
  if (fd < 0) {
    ThrowSystemError(env, errno, "socket");
    return -1;
  }
  const char* failed = Configure(fd, address, buffers, path);
  if (failed == nullptr) return fd;
  const int error = errno;
  close(fd);
  ThrowSystemError(env, error, failed);
  return -1;
}

bool IsWildcard(const SocketAddress& address) {
  return address.is_v4() ? address.v4().sin_addr.s_addr == INADDR_ANY
                         : IN6_IS_ADDR_UNSPECIFIED(&address.v6().sin6_addr);
}

BufferBytes GrantedBuffers(int fd) { return {GetBuffer(fd, SO_RCVBUF), GetBuffer(fd, SO_SNDBUF)}; }

bool ReadDrops(int fd, uint32_t* drops) {
  uint32_t values[SK_MEMINFO_VARS] = {};
  socklen_t length = sizeof(values);
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values, &length) != 0) return false;
  if (length <= SK_MEMINFO_DROPS * sizeof(uint32_t)) return false;
  *drops = values[SK_MEMINFO_DROPS];
  return true;
}

}  // namespace wg_rendezvous
