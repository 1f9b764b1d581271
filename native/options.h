#ifndef WG_RENDEZVOUS_OPTIONS_H_
#define WG_RENDEZVOUS_OPTIONS_H_

#include <napi.h>
#include <stdint.h>

#include <string>
#include <vector>

#include "socket-address.h"

namespace wg_rendezvous {

// The options object of a call. Each property may be a getter, which runs JavaScript and may throw: then
// nothing more is read, threw() is true, and the caller returns without another exception.
class Options {
 public:
  explicit Options(const Napi::CallbackInfo& info);

  // if_missing where the property is undefined; -1 where it is not a number.
  int64_t Number(const char* name, int64_t if_missing = -1);

  // Empty if the property is not a string.
  std::string String(const char* name);

  // Empty if the property is not an array. Throws a TypeError if an element is of another type, or
  // has a NUL, which would end it for the system.
  std::vector<std::string> Strings(const char* name);
  std::vector<int> Descriptors(const char* name);

  // Reads family, address, scopeId and port. False when they make no address.
  bool Address(SocketAddress* address);

  bool threw() const { return threw_; }

 private:
  // undefined if there is no object, and once a getter has thrown.
  Napi::Value Get(const char* name);

  // The elements of an array. Empty if the property is none.
  std::vector<Napi::Value> Elements(const char* name);

  Napi::Env env_;
  napi_value object_;
  bool threw_ = false;
};

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_OPTIONS_H_
