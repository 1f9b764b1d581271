#ifndef WG_RENDEZVOUS_PROCESS_H_
#define WG_RENDEZVOUS_PROCESS_H_

#include <napi.h>

namespace wg_rendezvous {

// openPipe(): [number, number], the read end and the write end of a pipe (pipe2), both closed on exec.
// The pipes that Node gives its children are sockets, which cannot be opened through /dev/fd. The
// caller closes both ends. Throws a system error.
Napi::Value OpenPipe(const Napi::CallbackInfo& info);

// hardenProcess(): void. No core dump holds this process's memory (RLIMIT_CORE), and no other process
// of the same user can read it or attach to it (PR_SET_DUMPABLE). Throws a system error.
void HardenProcess(const Napi::CallbackInfo& info);

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_PROCESS_H_
