// Preloaded into tests under qemu-user, which rejects the two socket options that report fragments. It pretends
// that they are set, so that the rest of a raw socket can be tested. Fragments cannot.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr int kIpRecvFragSize = 25;
constexpr int kIpv6RecvFragSize = 77;

}  // namespace

extern "C" int setsockopt(int fd, int level, int option, const void* value,
                          socklen_t length) noexcept {
  if ((level == IPPROTO_IP && option == kIpRecvFragSize) ||
      (level == IPPROTO_IPV6 && option == kIpv6RecvFragSize)) {
    return 0;
  }
  return static_cast<int>(syscall(SYS_setsockopt, fd, level, option, value, length));
}
