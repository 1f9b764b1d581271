#ifndef WG_RENDEZVOUS_CONNTRACK_H_
#define WG_RENDEZVOUS_CONNTRACK_H_

#include <napi.h>

namespace wg_rendezvous {

// forgetFlow of src/socket/binding.ts: deletes the conntrack entry of a UDP flow (IPCTNL_MSG_CT_DELETE),
// as conntrack(8) does, which few hosts have.
Napi::Value ForgetFlow(const Napi::CallbackInfo& info);

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_CONNTRACK_H_
