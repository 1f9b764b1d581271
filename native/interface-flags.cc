#include "interface-flags.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "system-error.h"

namespace wg_rendezvous {

namespace {

// A name that does not fit, or holds a NUL, must not be cut to the name of another interface.
bool IsInterfaceName(const std::string& name) {
  return !name.empty() && name.size() < IFNAMSIZ && name.find('\0') == std::string::npos;
}

}  // namespace

Napi::Value InterfaceFlags(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsString()) {
    ThrowTypeError(env, "Expected the name of an interface to be a string");
    return env.Undefined();
  }
  const std::string name = info[0].As<Napi::String>();
  ifreq request{};
  if (!IsInterfaceName(name)) {
    ThrowSystemError(env, ENODEV, "ioctl", "SIOCGIFFLAGS");
    return env.Undefined();
  }
  memcpy(request.ifr_name, name.data(), name.size());

  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    ThrowSystemError(env, errno, "socket");
    return env.Undefined();
  }
  const int error = ioctl(fd, SIOCGIFFLAGS, &request) == 0 ? 0 : errno;
  close(fd);
  if (error != 0) {
    ThrowSystemError(env, error, "ioctl", "SIOCGIFFLAGS");
    return env.Undefined();
  }
  return Napi::Number::New(env, static_cast<uint16_t>(request.ifr_flags));
}

Napi::Value InterfaceIndex(const Napi::CallbackInfo& info) {
  const std::string name = info[0].IsString() ? info[0].As<Napi::String>() : std::string();
  const bool fits = IsInterfaceName(name);
  return Napi::Number::New(info.Env(), fits ? if_nametoindex(name.c_str()) : 0);
}

bool BindToInterface(int fd, const std::string& name) {
  if (name.empty()) return true;
  if (!IsInterfaceName(name)) {
    errno = ENODEV;
    return false;
  }
  const auto length = static_cast<socklen_t>(name.size());
  return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name.data(), length) == 0;
}

}  // namespace wg_rendezvous
