#ifndef WG_RENDEZVOUS_INTERFACE_FLAGS_H_
#define WG_RENDEZVOUS_INTERFACE_FLAGS_H_

#include <napi.h>

#include <string>

namespace wg_rendezvous {

// interfaceFlags(name: string): number, the IFF_* bits of an interface (SIOCGIFFLAGS). Needs no
// privilege. Throws a system error; ENODEV when there is no such interface.
Napi::Value InterfaceFlags(const Napi::CallbackInfo& info);

// interfaceIndex(name: string): number, 0 when there is no such interface. An interface that is made
// anew under its old name has another one.
Napi::Value InterfaceIndex(const Napi::CallbackInfo& info);

// interfaceKind(name: string): string, the kernel's name for the kind of a virtual interface ("wireguard",
// "tun", "bridge"; IFLA_INFO_KIND); empty for others and when there is no such interface. Throws a system error.
Napi::Value InterfaceKind(const Napi::CallbackInfo& info);

// Ties a socket to an interface (SO_BINDTODEVICE); an empty name leaves it as it is. False with errno
// set, ENODEV when there is no such interface. The socket stays tied to that interface when another one
// takes its name.
bool BindToInterface(int fd, const std::string& name);

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_INTERFACE_FLAGS_H_
