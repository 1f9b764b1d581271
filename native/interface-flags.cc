#include "interface-flags.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <string>

#include "system-error.h"

namespace wg_rendezvous {

namespace {

// A name that does not fit, or holds a NUL, must not be cut to the name of another interface.
bool IsInterfaceName(const std::string& name) {
  return !name.empty() && name.size() < IFNAMSIZ && name.find('\0') == std::string::npos;
}

// The kernel answers within the call to send(), so this limit is never reached.
constexpr timeval kTimeout{0, 100000};

// The attribute of a type among `left` bytes of them; nullptr if there is none.
const rtattr* FindAttribute(const rtattr* first, int left, uint16_t type) {
  for (const rtattr* it = first; RTA_OK(it, left); it = RTA_NEXT(it, left)) {
    if ((it->rta_type & NLA_TYPE_MASK) == type) return it;
  }
  return nullptr;
}

// The kind in the answer to RTM_GETLINK; empty if the answer names none.
std::string KindIn(const char* buffer, size_t length) {
  const auto* header = reinterpret_cast<const nlmsghdr*>(buffer);
  if (!NLMSG_OK(header, length) || header->nlmsg_type != RTM_NEWLINK) return {};
  const auto* link = static_cast<const ifinfomsg*>(NLMSG_DATA(header));
  const int left = static_cast<int>(IFLA_PAYLOAD(header));
  const rtattr* info = FindAttribute(IFLA_RTA(link), left, IFLA_LINKINFO);
  if (info == nullptr) return {};
  const auto* nested = static_cast<const rtattr*>(RTA_DATA(info));
  const rtattr* kind = FindAttribute(nested, static_cast<int>(RTA_PAYLOAD(info)), IFLA_INFO_KIND);
  if (kind == nullptr) return {};
  const auto* text = static_cast<const char*>(RTA_DATA(kind));
  return std::string(text, strnlen(text, RTA_PAYLOAD(kind)));
}

// Asks for the kind of the interface with this number. Returns 0, or an errno.
int AskForKind(unsigned index, std::string* kind) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return errno;
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(ifinfomsg));
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.link.ifi_index = static_cast<int>(index);
  alignas(nlmsghdr) char buffer[16384];
  ssize_t length = -1;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kTimeout, sizeof(kTimeout)) == 0 &&
      send(fd, &request, request.header.nlmsg_len, 0) >= 0) {
    do {
      length = recv(fd, buffer, sizeof(buffer), 0);
    } while (length < 0 && errno == EINTR);
  }
  const int error = length < 0 ? errno : 0;
  close(fd);
  if (error == 0) *kind = KindIn(buffer, static_cast<size_t>(length));
  return error;
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
