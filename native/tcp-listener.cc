#include "tcp-listener.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "interface-flags.h"
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

bool ReadAddress(const Napi::Object& options, SocketAddress* address) {
  const Napi::Value bytes = options.Get("address");
  if (!bytes.IsTypedArray() || bytes.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    return false;
  }
  const auto number = [&](const char* name) -> int64_t {
    const Napi::Value value = options.Get(name);
    return value.IsNumber() ? value.As<Napi::Number>().Int64Value() : -1;
  };
  const int64_t port = number("port");
  const auto array = bytes.As<Napi::Uint8Array>();
  return port >= 0 && port <= 65535 &&
         address->Set(number("family") == 4 ? AF_INET : AF_INET6, array.Data(), array.ByteLength(),
                      static_cast<uint16_t>(port), static_cast<uint32_t>(number("scopeId")));
}

}  // namespace

Napi::Value ListenTcp(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  SocketAddress address;
  if (!info[0].IsObject() || !ReadAddress(info[0].As<Napi::Object>(), &address) ||
      !info[0].As<Napi::Object>().Get("interfaceName").IsString()) {
    Napi::TypeError::New(env, "Expected { family, address, scopeId, port, interfaceName }")
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const std::string interface =
      info[0].As<Napi::Object>().Get("interfaceName").As<Napi::String>();
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
