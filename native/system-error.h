#ifndef WG_RENDEZVOUS_SYSTEM_ERROR_H_
#define WG_RENDEZVOUS_SYSTEM_ERROR_H_

#include <napi.h>

namespace wg_rendezvous {

// Throws the Error that Node itself would for a failed system call: message "EPERM: operation not
// permitted, socket", code "EPERM", errno -1 (negative, as in Node) and syscall "socket".
// detail, where given, is added to the message only ("setsockopt SO_MARK").
void ThrowSystemError(Napi::Env env, int error, const char* syscall, const char* detail = nullptr);

// Throw these errors of JavaScript. None of the three throws while an exception is pending already: Node
// would abort the process.
void ThrowTypeError(Napi::Env env, const char* message);
void ThrowRangeError(Napi::Env env, const char* message);

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_SYSTEM_ERROR_H_
