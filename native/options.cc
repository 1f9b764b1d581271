#include "options.h"

namespace wg_rendezvous {

Options::Options(const Napi::CallbackInfo& info) : env_(info.Env()), object_(info[0]) {}

Napi::Value Options::Get(const char* name) {
  napi_value value = nullptr;
  napi_valuetype type = napi_undefined;
  if (threw_ || napi_typeof(env_, object_, &type) != napi_ok || type != napi_object) {
    return env_.Undefined();
  }
  if (napi_get_named_property(env_, object_, name, &value) != napi_ok) {
    threw_ = true;
    return env_.Undefined();
  }
  return Napi::Value(env_, value);
}

int64_t Options::Number(const char* name, int64_t if_missing) {
  const Napi::Value value = Get(name);
  if (value.IsUndefined()) return if_missing;
  return value.IsNumber() ? value.As<Napi::Number>().Int64Value() : -1;
}

std::string Options::String(const char* name) {
  const Napi::Value value = Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

bool Options::Address(SocketAddress* address) {
  const int64_t family = Number("family");
  const int64_t port = Number("port");
  const int64_t scope = Number("scopeId");
  // The last to be read: a getter that runs later could detach the bytes.
  const Napi::Value value = Get("address");
  if (threw_ || port < 0 || port > UINT16_MAX || !value.IsTypedArray()) return false;
  const auto array = value.As<Napi::TypedArray>();
  if (array.TypedArrayType() != napi_uint8_array) return false;
  const auto bytes = value.As<Napi::Uint8Array>();
  return address->Set(family == 4 ? AF_INET : AF_INET6, bytes.Data(), bytes.ByteLength(),
                      static_cast<uint16_t>(port), static_cast<uint32_t>(scope));
}

}  // namespace wg_rendezvous
