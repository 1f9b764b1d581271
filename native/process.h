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

// enterNetworkNamespace(fd: number): void. Moves the calling thread into a network namespace, given by a
// descriptor of /proc/PID/ns/net or of a file of `ip netns` (setns). Sockets stay in the namespace that
// they were opened in. Throws a system error.
void EnterNetworkNamespace(const Napi::CallbackInfo& info);

// followParent(): boolean. Sends this process SIGTERM when the thread that started it ends
// (PR_SET_PDEATHSIG). False when that has happened already. Throws a system error.
Napi::Value FollowParent(const Napi::CallbackInfo& info);

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_PROCESS_H_
