#ifndef WG_RENDEZVOUS_PROGRAM_H_
#define WG_RENDEZVOUS_PROGRAM_H_

#include <napi.h>

namespace wg_rendezvous {

// runProgram(options, onEnd): () => void. Starts a program without a shell, and returns the function that
// kills it. Node's own spawn() forks, which copies the page tables of this process and makes the next
// write to each page a fault: 5 ms and more for each call of `wg`. posix_spawn() copies nothing.
//
// options: file; args and environment (arrays of strings); input, the text of stdin; descriptors, which
// become 3, 4, … of the program (the caller closes its own afterwards); maxBytes of stdout. The folder is
// /, and stderr beyond 64 KiB is discarded. Throws a system error if the program cannot be started.
//
// onEnd(code, signal, stdout, stderr) is called once, when the program has ended and has closed its output,
// or was killed. One of code and signal is null; both are if something else has waited for the program. A
// program whose stdout is longer than maxBytes is killed, and its signal is SIGKILL. The two buffers are
// the only copies of what was printed.
//
// A program that runs when the environment ends runs on.
Napi::Value RunProgram(const Napi::CallbackInfo& info);

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_PROGRAM_H_
