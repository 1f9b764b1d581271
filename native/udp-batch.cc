#include "udp-batch.h"

#include <errno.h>

#include <algorithm>

#include "options.h"
#include "socket-address.h"
#include "system-error.h"
#include "udp-descriptor.h"

namespace wg_rendezvous {

namespace {

constexpr size_t kMaxDatagram = 65535;

bool IsBufferSize(int64_t bytes) { return bytes >= 0 && bytes <= INT32_MAX; }

struct Array {
  void* data = nullptr;
  size_t length = 0;
};

bool ReadArray(napi_env env, napi_value value, napi_typedarray_type expected, Array* array) {
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return false;
  napi_typedarray_type type;
  return napi_get_typedarray_info(env, value, &type, &array->length, &array->data, nullptr,
                                  nullptr) == napi_ok &&
         type == expected;
}

// (payload, stride, lengths, addresses): as many slots as fit in the smallest of the arrays.
bool ReadSlots(const Napi::CallbackInfo& info, Slots* slots) {
  Napi::Env env = info.Env();
  Array payload;
  Array lengths;
  Array addresses;
  if (!ReadArray(env, info[0], napi_uint8_array, &payload) || !info[1].IsNumber() ||
      !ReadArray(env, info[2], napi_int32_array, &lengths) ||
      !ReadArray(env, info[3], napi_uint32_array, &addresses)) {
    ThrowTypeError(env, "Expected (Uint8Array, stride, Int32Array, Uint32Array)");
    return false;
  }
  const int64_t stride = info[1].As<Napi::Number>().Int64Value();
  if (stride < 1 || stride > static_cast<int64_t>(kMaxDatagram)) {
    ThrowRangeError(env, "Expected the stride to be 1..65535");
    return false;
  }
  slots->payload = static_cast<uint8_t*>(payload.data);
  slots->stride = static_cast<size_t>(stride);
  slots->lengths = static_cast<int32_t*>(lengths.data);
  slots->addresses = static_cast<uint32_t*>(addresses.data);
  slots->count = std::min({payload.length / slots->stride, lengths.length,
                           addresses.length / kAddressWords, kMaxSlots});
  if (slots->count > 0) return true;
  ThrowRangeError(env, "Expected room for one slot");
  return false;
}

}  // namespace

void UdpBatch::Init(Napi::Env env, Napi::Object exports) {
  Properties properties = {
      InstanceMethod("receive", &UdpBatch::Receive),
      InstanceMethod("send", &UdpBatch::Send),
      InstanceAccessor("port", &UdpBatch::Port, nullptr),
      InstanceAccessor("receiveBufferBytes", &UdpBatch::ReceiveBuffer, nullptr),
      InstanceAccessor("sendBufferBytes", &UdpBatch::SendBuffer, nullptr),
      InstanceAccessor("kernelDrops", &UdpBatch::KernelDrops, nullptr),
  };
  properties.push_back(InstanceMethod("pause", &UdpBatch::Pause));
  properties.push_back(InstanceMethod("resume", &UdpBatch::Resume));
  AddPollMethods(&properties);
  exports.Set("UdpBatch", DefineClass(env, "UdpBatch", properties));
}

UdpBatch::UdpBatch(const Napi::CallbackInfo& info) : PollWrap<UdpBatch>(info) {
  Napi::Env env = info.Env();
  Options options(info);
  const int64_t receive_buffer = options.Number("receiveBufferBytes");
  const int64_t send_buffer = options.Number("sendBufferBytes", 0);
  const int64_t mark = options.Number("mark", 0);
  const Path path = {options.String("interfaceName"), static_cast<uint32_t>(mark),
                     options.Number("fragments", 0) == 1};
  SocketAddress address;
  const bool has_address = options.Address(&address);
  if (options.threw()) return;
  if (!has_address || !IsBufferSize(receive_buffer) || !IsBufferSize(send_buffer) ||
      mark < 0 || mark > UINT32_MAX) {
    ThrowTypeError(env, "Expected { family, address, scopeId, port, receiveBufferBytes, "
                        "sendBufferBytes, mark }");
    return;
  }
  const BufferBytes buffers = {static_cast<int>(receive_buffer), static_cast<int>(send_buffer)};
  const int fd = OpenUdpDescriptor(env, &address, buffers, path);
  if (fd < 0) return;
  port_ = ntohs(address.is_v4() ? address.v4().sin_port : address.v6().sin6_port);
  slots_ = std::make_unique<DatagramSlots>(address.is_v4(), IsWildcard(address), address.bytes(),
                                           options.Number("segments", 0) == 1);
  handle_ = PollHandle::Open(env, fd, "WG_RENDEZVOUS_UDP_BATCH");
}

Napi::Value UdpBatch::Receive(const Napi::CallbackInfo& info) {
  Slots slots;
  if (!ReadSlots(info, &slots)) return info.Env().Undefined();
  const int count = slots_->Receive(fd(), slots);
  if (count < 0) {
    ThrowSystemError(info.Env(), errno, "recvmmsg");
    return info.Env().Undefined();
  }
  return Napi::Number::New(info.Env(), count);
}

Napi::Value UdpBatch::Send(const Napi::CallbackInfo& info) {
  Slots slots;
  if (!ReadSlots(info, &slots)) return info.Env().Undefined();
  const int64_t count = info[4].IsNumber() ? info[4].As<Napi::Number>().Int64Value() : -1;
  if (count < 0 || count > static_cast<int64_t>(slots.count)) {
    ThrowRangeError(info.Env(), "Expected the count to be of the slots passed");
    return info.Env().Undefined();
  }
  slots.count = static_cast<size_t>(count);
  const int sent = slots_->Send(fd(), slots);
  if (sent < 0) {
    ThrowSystemError(info.Env(), errno, "sendmmsg");
    return info.Env().Undefined();
  }
  return Napi::Number::New(info.Env(), sent);
}

Napi::Value UdpBatch::Port(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), port_);
}

Napi::Value UdpBatch::ReceiveBuffer(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), GrantedBuffers(fd()).receive);
}

Napi::Value UdpBatch::SendBuffer(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), GrantedBuffers(fd()).send);
}

// The socket's count, asked for when it is wanted: SO_RXQ_OVFL has the kernel look at more of each
// datagram, and reports drops only with the next that is received, so never of the last ones.
Napi::Value UdpBatch::KernelDrops(const Napi::CallbackInfo& info) {
  CountDrops();
  return Napi::Number::New(info.Env(), static_cast<double>(total_drops_));
}

void UdpBatch::Close(const Napi::CallbackInfo& info) {
  CountDrops();
  PollWrap::Close(info);
}

void UdpBatch::CountDrops() {
  uint32_t drops = 0;
  if (!ReadDrops(fd(), &drops)) return;
  total_drops_ += drops - last_drops_;
  last_drops_ = drops;
}

}  // namespace wg_rendezvous
