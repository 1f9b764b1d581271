#include "poll-handle.h"

#include <errno.h>
#include <unistd.h>

#include <utility>

#include "system-error.h"

namespace wg_rendezvous {

std::shared_ptr<PollHandle> PollHandle::Open(Napi::Env env, int fd, const char* resource_name) {
  std::shared_ptr<PollHandle> handle(new PollHandle(env, fd));
  if (!handle->Attach(env, resource_name)) {
    close(fd);
    return nullptr;
  }
  handle->self_ = handle;
  return handle;
}

// Everything that can fail comes before uv_poll_init: from there on only libuv may end the handle.
bool PollHandle::Attach(Napi::Env env, const char* resource_name) {
  uv_loop_t* loop = nullptr;
  const Napi::String name = Napi::String::New(env, resource_name);
  if (napi_get_uv_event_loop(env, &loop) != napi_ok ||
      napi_async_init(env, nullptr, name, &context_) != napi_ok ||
      napi_add_async_cleanup_hook(env, OnTeardown, this, &hook_) != napi_ok) {
    if (context_ != nullptr) napi_async_destroy(env, context_);
    ThrowSystemError(env, ECANCELED, "napi_get_uv_event_loop");
    return false;
  }
  const int status = uv_poll_init(loop, &poll_, fd_);
  if (status != 0) {
    napi_remove_async_cleanup_hook(hook_);
    napi_async_destroy(env, context_);
    ThrowSystemError(env, -status, "uv_poll_init");
    return false;
  }
  poll_.data = this;
  return true;
}

void PollHandle::Start(Napi::Env env, napi_value wrapper, napi_value on_readable) {
  if (closing_ || on_readable_ != nullptr) {
    ThrowSystemError(env, closing_ ? EBADF : EALREADY, "uv_poll_start");
    return;
  }
  const int status = uv_poll_start(&poll_, UV_READABLE, OnPoll);
  if (status != 0) {
    ThrowSystemError(env, -status, "uv_poll_start");
    return;
  }
  napi_create_reference(env_, on_readable, 1, &on_readable_);
  napi_create_reference(env_, wrapper, 1, &wrapper_);
}

void PollHandle::Pause() {
  if (!closing_) uv_poll_stop(&poll_);
}

void PollHandle::Resume() {
  if (!closing_ && on_readable_ != nullptr) uv_poll_start(&poll_, UV_READABLE, OnPoll);
}

void PollHandle::Close(napi_value on_closed) {
  if (closing_) return;
  closing_ = true;
  if (on_closed != nullptr) napi_create_reference(env_, on_closed, 1, &on_closed_);
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), OnClose);
}

void PollHandle::Ref() {
  if (!closing_) uv_ref(reinterpret_cast<uv_handle_t*>(&poll_));
}

void PollHandle::Unref() {
  if (!closing_) uv_unref(reinterpret_cast<uv_handle_t*>(&poll_));
}

void PollHandle::OnPoll(uv_poll_t* poll, int status, int) {
  auto* handle = static_cast<PollHandle*>(poll->data);
  // libuv stops watching when the socket has an error pending (EPOLLERR). The receive that follows
  // takes the error off the socket and reports it, so watching goes on.
  if (status < 0) uv_poll_start(poll, UV_READABLE, OnPoll);
  handle->Call(handle->on_readable_);
}

void PollHandle::OnClose(uv_handle_t* handle) {
  static_cast<PollHandle*>(handle->data)->Finish();
}

void PollHandle::OnTeardown(napi_async_cleanup_hook_handle, void* data) {
  static_cast<PollHandle*>(data)->Close(nullptr);
}

void PollHandle::Finish() {
  close(fd_);
  fd_ = -1;
  if (on_closed_ != nullptr) Call(on_closed_);

  napi_handle_scope scope = nullptr;
  napi_open_handle_scope(env_, &scope);
  Drop(&on_readable_);
  Drop(&on_closed_);
  Drop(&wrapper_);
  napi_async_destroy(env_, context_);
  napi_close_handle_scope(env_, scope);
  // The environment waits for this during its teardown, and may end as soon as it is done.
  napi_remove_async_cleanup_hook(hook_);

  // Moved to the stack first: releasing it in place would destroy the member being released.
  const std::shared_ptr<PollHandle> last = std::move(self_);
}

void PollHandle::Drop(napi_ref* reference) {
  if (*reference != nullptr) napi_delete_reference(env_, *reference);
  *reference = nullptr;
}

// An exception thrown by the callback becomes an uncaughtException, as from any event. While a
// worker is being terminated JavaScript cannot run: the call fails and nothing is left to report.
void PollHandle::Call(napi_ref callback) {
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env_, &scope) != napi_ok) return;
  napi_value global = nullptr;
  napi_value function = nullptr;
  napi_get_global(env_, &global);
  napi_get_reference_value(env_, callback, &function);
  if (global != nullptr && function != nullptr &&
      napi_make_callback(env_, context_, global, function, 0, nullptr, nullptr) != napi_ok) {
    bool pending = false;
    napi_value exception = nullptr;
    if (napi_is_exception_pending(env_, &pending) == napi_ok && pending &&
        napi_get_and_clear_last_exception(env_, &exception) == napi_ok) {
      napi_fatal_exception(env_, exception);
    }
  }
  napi_close_handle_scope(env_, scope);
}

}  // namespace wg_rendezvous
