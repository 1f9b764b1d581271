#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "system-error.h"

namespace wg_rendezvous {

Napi::Value OpenPipe(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    ThrowSystemError(env, errno, "pipe2");
    return env.Undefined();
  }
  Napi::Array result = Napi::Array::New(env, 2);
  result.Set(0u, Napi::Number::New(env, ends[0]));
  result.Set(1u, Napi::Number::New(env, ends[1]));
  return result;
}

void HardenProcess(const Napi::CallbackInfo& info) {
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) {
    ThrowSystemError(info.Env(), errno, "setrlimit", "RLIMIT_CORE");
  } else if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    ThrowSystemError(info.Env(), errno, "prctl", "PR_SET_DUMPABLE");
  }
}

void EnterNetworkNamespace(const Napi::CallbackInfo& info) {
  if (!info[0].IsNumber()) return ThrowTypeError(info.Env(), "Expected a descriptor");
  if (setns(info[0].As<Napi::Number>().Int32Value(), CLONE_NEWNET) != 0) {
    ThrowSystemError(info.Env(), errno, "setns");
  }
}

Napi::Value FollowParent(const Napi::CallbackInfo& info) {
  const pid_t parent = getppid();
  if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0) {
    ThrowSystemError(info.Env(), errno, "prctl", "PR_SET_PDEATHSIG");
    return info.Env().Undefined();
  }
  return Napi::Boolean::New(info.Env(), getppid() == parent && parent != 1);
}

}  // namespace wg_rendezvous
