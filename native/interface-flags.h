#ifndef WG_RENDEZVOUS_INTERFACE_FLAGS_H_
#define WG_RENDEZVOUS_INTERFACE_FLAGS_H_

#include <napi.h>

namespace wg_rendezvous {

// interfaceFlags(name: string): number, the IFF_* bits of an interface (SIOCGIFFLAGS). Needs no
// privilege. Throws a system error; ENODEV when there is no such interface.
Napi::Value InterfaceFlags(const Napi::CallbackInfo& info);

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_INTERFACE_FLAGS_H_
