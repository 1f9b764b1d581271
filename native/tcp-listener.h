#ifndef WG_RENDEZVOUS_TCP_LISTENER_H_
#define WG_RENDEZVOUS_TCP_LISTENER_H_

#include <napi.h>

namespace wg_rendezvous {

// listenTcp({ family, address, scopeId, port, interfaceName }): number, the descriptor of a listening
// TCP socket that takes only connections arriving through the interface. The caller closes it: node:net
// does, once it listens on it. Throws a system error.
Napi::Value ListenTcp(const Napi::CallbackInfo& info);

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_TCP_LISTENER_H_
