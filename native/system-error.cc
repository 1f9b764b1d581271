#include "system-error.h"

#include <uv.h>

#include <string>

namespace wg_rendezvous {

namespace {

Napi::PropertyDescriptor Property(const char* name, Napi::Value value) {
  return Napi::PropertyDescriptor::Value(name, value, napi_default_jsproperty);
}

}  // namespace

void ThrowSystemError(Napi::Env env, int error, const char* syscall, const char* detail) {
  if (env.IsExceptionPending()) return;
  // libuv's tables, not strerror(): the names and words are those of Node's own errors.
  char code[32];
  char words[128];
  uv_err_name_r(-error, code, sizeof(code));
  uv_strerror_r(-error, words, sizeof(words));

  std::string message = std::string(code) + ": " + words + ", " + syscall;
  if (detail != nullptr) message += std::string(" ") + detail;

  Napi::Error exception = Napi::Error::New(env, message);
  // Defined, not set: a setter of Error.prototype could throw, and a throw on top of that aborts.
  exception.Value().DefineProperties({
      Property("code", Napi::String::New(env, code)),
      Property("errno", Napi::Number::New(env, -error)),
      Property("syscall", Napi::String::New(env, syscall)),
  });
  exception.ThrowAsJavaScriptException();
}

void ThrowTypeError(Napi::Env env, const char* message) {
  if (!env.IsExceptionPending()) Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
}

void ThrowRangeError(Napi::Env env, const char* message) {
  if (!env.IsExceptionPending()) Napi::RangeError::New(env, message).ThrowAsJavaScriptException();
}

}  // namespace wg_rendezvous
