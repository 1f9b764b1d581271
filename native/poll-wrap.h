#ifndef WG_RENDEZVOUS_POLL_WRAP_H_
#define WG_RENDEZVOUS_POLL_WRAP_H_

#include <napi.h>

#include <memory>
#include <vector>

#include "poll-handle.h"
#include "system-error.h"

namespace wg_rendezvous {

// What the JavaScript classes around a PollHandle have in common: start, close, ref and unref.
template <typename Class>
class PollWrap : public Napi::ObjectWrap<Class> {
 public:
  explicit PollWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Class>(info) {}

  // Collected without close(): the descriptor must not outlive its last user.
  ~PollWrap() override {
    if (handle_) handle_->Close(nullptr);
  }

 protected:
  using Properties = std::vector<Napi::ClassPropertyDescriptor<Class>>;

  static void AddPollMethods(Properties* properties) {
    properties->push_back(Class::InstanceMethod("start", &Class::Start));
    properties->push_back(Class::InstanceMethod("close", &Class::Close));
    properties->push_back(Class::InstanceMethod("ref", &Class::RefHandle));
    properties->push_back(Class::InstanceMethod("unref", &Class::UnrefHandle));
  }

  void Start(const Napi::CallbackInfo& info) {
    if (!info[0].IsFunction()) {
      ThrowTypeError(info.Env(), "Expected `onReadable` to be a function");
      return;
    }
    handle_->Start(info.Env(), info.This(), info[0]);
  }

  void Close(const Napi::CallbackInfo& info) {
    const bool has_callback = info[0].IsFunction();
    handle_->Close(has_callback ? static_cast<napi_value>(info[0]) : nullptr);
  }

  void RefHandle(const Napi::CallbackInfo&) { handle_->Ref(); }
  void UnrefHandle(const Napi::CallbackInfo&) { handle_->Unref(); }

  int fd() const { return handle_->fd(); }

  // Null only in an object whose constructor threw, and which JavaScript therefore never saw.
  std::shared_ptr<PollHandle> handle_;
};

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_POLL_WRAP_H_
