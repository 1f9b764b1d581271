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

Napi::Value InterfaceFlags(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsString()) {
    Napi::TypeError::New(env, "Expected the name of an interface to be a string")
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const std::string name = info[0].As<Napi::String>();
  ifreq request{};
  // A name that does not fit, or holds a NUL, must not be cut to the name of another interface.
  if (name.empty() || name.size() >= sizeof(request.ifr_name) ||
      name.find('\0') != std::string::npos) {
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

}  // namespace wg_rendezvous
