#include "system-error.h"

#include <uv.h>

#include <string>

namespace wg_rendezvous {

void ThrowSystemError(Napi::Env env, int error, const char* syscall, const char* detail) {
  // libuv's tables, not strerror(): the names and words are those of Node's own errors.
  char code[32];
  char words[128];
  uv_err_name_r(-error, code, sizeof(code));
  uv_strerror_r(-error, words, sizeof(words));

  std::string message = std::string(code) + ": " + words + ", " + syscall;
  if (detail != nullptr) message += std::string(" ") + detail;

  Napi::Error exception = Napi::Error::New(env, message);
  exception.Set("code", Napi::String::New(env, code));
  exception.Set("errno", Napi::Number::New(env, -error));
  exception.Set("syscall", Napi::String::New(env, syscall));
  exception.ThrowAsJavaScriptException();
}

}  // namespace wg_rendezvous
