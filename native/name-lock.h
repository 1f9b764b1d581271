#ifndef WG_RENDEZVOUS_NAME_LOCK_H_
#define WG_RENDEZVOUS_NAME_LOCK_H_

#include <napi.h>

namespace wg_rendezvous {

// lockName(name: string): number | [pid: number, uid: number]. Takes a name among the abstract unix
// sockets of this network namespace (unix(7)) and returns the descriptor that holds it, until it is closed
// or the process ends. Where another process has the name, returns that process: 0 for a pid that this
// one cannot see, and [0, -1] for a process that came and went. Throws a system error.
Napi::Value LockName(const Napi::CallbackInfo& info);

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_NAME_LOCK_H_
