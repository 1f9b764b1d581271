#include "tcp-listener.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "interface-flags.h"
#include "options.h"
#include "socket-address.h"
#include "system-error.h"

namespace wg_rendezvous {

namespace {

// As node:net has it.
constexpr int kBacklog = 511;

// Returns the name of the system call that failed, with errno set, or nullptr.
const char* Configure(int fd, SocketAddress* address, const std::string& interface) {
  const int on = 1;
  // A restart must not wait for the connections of the last run to be forgotten (TIME_WAIT).
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) return "setsockopt";
  if (!address->is_v4() && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) {
    return "setsockopt";
  }
  if (!BindToInterface(fd, interface)) return "setsockopt";
  if (bind(fd, address->sockaddr(), address->length()) != 0) return "bind";
  return listen(fd, kBacklog) == 0 ? nullptr : "listen";
}

}  // namespace

Napi::Value ListenTcp(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Options options(info);
  const std::string interface = options.String("interfaceName");
  SocketAddress address;
  const bool has_address = options.Address(&address);
  if (options.threw()) return env.Undefined();
  if (!has_address || interface.empty()) {
    ThrowTypeError(env, "Expected { family, address, scopeId, port, interfaceName }");
    return env.Undefined();
  }
  const int fd = socket(address.is_v4() ? AF_INET : AF_INET6,
                        SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) {
    ThrowSystemError(env, errno, "socket");
    return env.Undefined();
  }
  if (const char* failed = Configure(fd, &address, interface)) {
    const int error = errno;
    close(fd);
    ThrowSystemError(env, error, failed);
    return env.Undefined();
  }
  return Napi::Number::New(env, fd);
}

}  // namespace wg_rendezvous
