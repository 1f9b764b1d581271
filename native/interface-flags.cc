#include "interface-flags.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "netlink.h"
#include "system-error.h"

namespace wg_rendezvous {

namespace {

// A name that does not fit, or holds a NUL, must not be cut to the name of another interface.
bool IsInterfaceName(const std::string& name) {
  return !name.empty() && name.size() < IFNAMSIZ && name.find('\0') == std::string::npos;
}

// Asks for the kind of the interface with this number; empty if it has none. Returns 0, or an errno.
int AskForKind(unsigned index, std::string* kind) {
  NetlinkSocket netlink;
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(ifinfomsg));
  request.header.nlmsg_type = RTM_GETLINK;
  request.link.ifi_index = static_cast<int>(index);
  NetlinkAnswer answer;
  int error = netlink.Open(NETLINK_ROUTE);
  if (error == 0) error = netlink.Ask(&request.header, &answer);
  // The interface went away after its number was asked for.
  if (error == ENODEV) return 0;
  if (error != 0) return error;
  if (answer.type() != RTM_NEWLINK) return EPROTO;
  const AttributeData info = FindAttribute(answer.attributes<ifinfomsg>(), IFLA_LINKINFO);
  const AttributeData text = FindAttribute(info, IFLA_INFO_KIND);
  if (text.bytes != nullptr) kind->assign(text.bytes, strnlen(text.bytes, text.length));
  return 0;
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

Napi::Value InterfaceKind(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string name = info[0].IsString() ? info[0].As<Napi::String>() : std::string();
  const unsigned index = IsInterfaceName(name) ? if_nametoindex(name.c_str()) : 0;
  std::string kind;
  const int error = index == 0 ? 0 : AskForKind(index, &kind);
  if (error != 0) {
    ThrowSystemError(env, error, "netlink", "RTM_GETLINK");
    return env.Undefined();
  }
  return Napi::String::New(env, kind);
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
