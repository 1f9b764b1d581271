#ifndef WG_RENDEZVOUS_RAW_SOCKET_H_
#define WG_RENDEZVOUS_RAW_SOCKET_H_

#include <napi.h>

#include "poll-wrap.h"
#include "route-lookup.h"

namespace wg_rendezvous {

// NativeRawSocket of src/socket/binding.ts: SOCK_RAW with IPPROTO_UDP. It offers the system calls;
// their order (reject all, drain, real filter) is src/socket/raw-socket.ts's.
class RawSocket : public PollWrap<RawSocket> {
 public:
  static void Init(Napi::Env env, Napi::Object exports);
  explicit RawSocket(const Napi::CallbackInfo& info);

 private:
  friend class PollWrap<RawSocket>;

  void AttachFilter(const Napi::CallbackInfo& info);
  Napi::Value Drain(const Napi::CallbackInfo& info);
  void SetMark(const Napi::CallbackInfo& info);
  void Send(const Napi::CallbackInfo& info);
  Napi::Value FindRoute(const Napi::CallbackInfo& info);
  Napi::Value Receive(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  int family_ = 0;
  uint32_t mark_ = 0;
  RouteLookup routes_;
};

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_RAW_SOCKET_H_
