#include "name-lock.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

#include "system-error.h"

namespace wg_rendezvous {

namespace {

// A holder may exit between our bind and our connect: then the name is free again.
constexpr int kAttempts = 3;

int OpenSocket() { return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

// False with errno set.
bool Take(int fd, const sockaddr_un& address, socklen_t length) {
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0 && listen(fd, 1) == 0;
}

// Finds the process that listens at the name; false if there is none.
bool FindHolder(const sockaddr_un& address, socklen_t length, ucred* holder) {
  const int fd = OpenSocket();
  if (fd < 0) return false;
  socklen_t size = sizeof(*holder);
  const bool connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0;
  // A full backlog (EAGAIN) hides who it is.
  const bool found = (connected && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, holder, &size) == 0) ||
                     (!connected && errno == EAGAIN);
  close(fd);
  return found;
}

}  // namespace

Napi::Value LockName(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  sockaddr_un address{};
  const std::string name = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "";
  if (name.empty() || name.size() >= sizeof(address.sun_path)) {
    ThrowTypeError(env, "Expected a name of 1..107 bytes");
    return env.Undefined();
  }
  // An abstract name begins with NUL, and is as long as the address says.
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());

  ucred holder{0, static_cast<uid_t>(-1), 0};
  for (int i = 0; i < kAttempts; i++) {
    const int fd = OpenSocket();
    if (fd >= 0 && Take(fd, address, length)) return Napi::Number::New(env, fd);
    const int error = errno;
    if (fd >= 0) close(fd);
    if (error != EADDRINUSE) {
      ThrowSystemError(env, error, fd < 0 ? "socket" : "bind");
      return env.Undefined();
    }
    if (FindHolder(address, length, &holder)) break;
  }
  Napi::Array result = Napi::Array::New(env, 2);
  result.Set(0u, Napi::Number::New(env, holder.pid));
  result.Set(1u, Napi::Number::New(env, static_cast<int32_t>(holder.uid)));
  return result;
}

}  // namespace wg_rendezvous
