#include "options.h"

#include "system-error.h"

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

std::vector<Napi::Value> Options::Elements(const char* name) {
  const Napi::Value value = Get(name);
  std::vector<Napi::Value> elements;
  uint32_t length = 0;
  if (threw_ || !value.IsArray() || napi_get_array_length(env_, value, &length) != napi_ok) {
    return elements;
  }
  for (uint32_t i = 0; i < length; i++) {
    napi_value element = nullptr;
    if (napi_get_element(env_, value, i, &element) != napi_ok) {
      threw_ = true;
      break;
    }
    elements.emplace_back(env_, element);
  }
  return elements;
}

std::vector<std::string> Options::Strings(const char* name) {
  std::vector<std::string> strings;
  for (const Napi::Value& element : Elements(name)) {
    if (element.IsString()) strings.push_back(element.As<Napi::String>().Utf8Value());
    if (!element.IsString() || strings.back().find('\0') != std::string::npos) {
      ThrowTypeError(env_, "Expected an array of strings without NUL");
      threw_ = true;
      break;
    }
  }
  return strings;
}

std::vector<int> Options::Descriptors(const char* name) {
  std::vector<int> descriptors;
  for (const Napi::Value& element : Elements(name)) {
    if (!element.IsNumber()) {
      ThrowTypeError(env_, "Expected an array of descriptors");
      threw_ = true;
      break;
    }
    descriptors.push_back(element.As<Napi::Number>().Int32Value());
  }
  return descriptors;
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
