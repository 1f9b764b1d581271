#ifndef WG_RENDEZVOUS_SYSTEM_ERROR_H_
#define WG_RENDEZVOUS_SYSTEM_ERROR_H_

#include <napi.h>

namespace wg_rendezvous {

// Throws the Error that Node itself would for a failed system call: message "EPERM: operation not
// permitted, socket", code "EPERM", errno -1 (negative, as in Node) and syscall "socket".
// detail, where given, is added to the message only ("setsockopt SO_MARK").
void ThrowSystemError(Napi::Env env, int error, const char* syscall, const char* detail = nullptr);

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_SYSTEM_ERROR_H_
