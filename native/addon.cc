#include <napi.h>

#include "conntrack.h"
#include "interface-flags.h"
#include "name-lock.h"
#include "process.h"
#include "program.h"
#include "raw-socket.h"
#include "tcp-listener.h"
#include "udp-batch.h"
#include "unix-datagram.h"

// Runs once in each environment (the main thread and every worker). The classes keep no state
// outside their instances, so there is nothing to share between environments or to tear down here:
// each PollHandle has a cleanup hook of its own.
static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  wg_rendezvous::RawSocket::Init(env, exports);
  wg_rendezvous::UdpBatch::Init(env, exports);
  exports.Set("interfaceFlags", Napi::Function::New(env, wg_rendezvous::InterfaceFlags));
  exports.Set("interfaceKind", Napi::Function::New(env, wg_rendezvous::InterfaceKind));
  exports.Set("interfaceIndex", Napi::Function::New(env, wg_rendezvous::InterfaceIndex));
  exports.Set("openPipe", Napi::Function::New(env, wg_rendezvous::OpenPipe));
  exports.Set("hardenProcess", Napi::Function::New(env, wg_rendezvous::HardenProcess));
  exports.Set("enterNetworkNamespace",
              Napi::Function::New(env, wg_rendezvous::EnterNetworkNamespace));
  exports.Set("followParent", Napi::Function::New(env, wg_rendezvous::FollowParent));
  exports.Set("runProgram", Napi::Function::New(env, wg_rendezvous::RunProgram));
  exports.Set("lockName", Napi::Function::New(env, wg_rendezvous::LockName));
  exports.Set("forgetFlow", Napi::Function::New(env, wg_rendezvous::ForgetFlow));
  exports.Set("listenTcp", Napi::Function::New(env, wg_rendezvous::ListenTcp));
  exports.Set("sendUnixDatagram", Napi::Function::New(env, wg_rendezvous::SendUnixDatagram));
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
