#ifndef WG_RENDEZVOUS_UDP_BATCH_H_
#define WG_RENDEZVOUS_UDP_BATCH_H_

#include <napi.h>

#include <memory>

#include "datagram-slots.h"
#include "poll-wrap.h"

namespace wg_rendezvous {

// NativeUdpBatch of src/socket/binding.ts: a UDP socket whose datagrams are received and sent by
// the batch, in memory that the caller owns and passes at each call.
class UdpBatch : public PollWrap<UdpBatch> {
 public:
  static void Init(Napi::Env env, Napi::Object exports);
  explicit UdpBatch(const Napi::CallbackInfo& info);

 private:
  friend class PollWrap<UdpBatch>;

  Napi::Value Receive(const Napi::CallbackInfo& info);
  Napi::Value Send(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  void Pause(const Napi::CallbackInfo&) { handle_->Pause(); }
  void Resume(const Napi::CallbackInfo&) { handle_->Resume(); }
  Napi::Value Port(const Napi::CallbackInfo& info);
  Napi::Value ReceiveBuffer(const Napi::CallbackInfo& info);
  Napi::Value SendBuffer(const Napi::CallbackInfo& info);
  Napi::Value KernelDrops(const Napi::CallbackInfo& info);
  void CountDrops();

  std::unique_ptr<DatagramSlots> slots_;
  uint16_t port_ = 0;
  uint32_t last_drops_ = 0;
  // The kernel's count wraps at 2^32; this one does not, as long as somebody asks in between.
  uint64_t total_drops_ = 0;
};

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_UDP_BATCH_H_
