#ifndef WG_RENDEZVOUS_POLL_HANDLE_H_
#define WG_RENDEZVOUS_POLL_HANDLE_H_

#include <napi.h>
#include <uv.h>

#include <memory>

namespace wg_rendezvous {

// A descriptor, and the uv_poll_t that watches it on the environment's own loop.
//
// The life of one:
//   Open -> [Start] -> Close (once; from JavaScript, the wrapper's finalizer, or the environment's
//   teardown, whichever comes first) -> uv's close callback: descriptor closed, references dropped.
//
// It is owned twice: by the JavaScript wrapper, and by libuv (self_) from Open until the close
// callback. So the wrapper may be collected first, or the environment torn down first, and the
// uv_poll_t is never freed while libuv knows of it.
class PollHandle {
 public:
  // Takes fd over, on failure too. Returns null with a JavaScript exception pending.
  static std::shared_ptr<PollHandle> Open(Napi::Env env, int fd, const char* resource_name);

  // -1 once closing, so that a late system call fails with EBADF.
  int fd() const { return closing_ ? -1 : fd_; }

  // Calls on_readable whenever the descriptor is readable (level-triggered), and holds the wrapper
  // until closed. Throws a system error.
  void Start(Napi::Env env, napi_value wrapper, napi_value on_readable);

  // Takes the descriptor out of the loop's epoll set, and puts it back. While it is in there, each
  // datagram that arrives or leaves runs an epoll callback, a tenth of the cost of a reply.
  void Pause();
  void Resume();

  // Idempotent; the first caller's on_closed (nullptr for none) is called once, after close(2).
  void Close(napi_value on_closed);

  // Whether an active handle keeps the process running, as in dgram.Socket.
  void Ref();
  void Unref();

  PollHandle(const PollHandle&) = delete;
  PollHandle& operator=(const PollHandle&) = delete;

 private:
  PollHandle(napi_env env, int fd) : env_(env), fd_(fd) {}

  bool Attach(Napi::Env env, const char* resource_name);
  void Call(napi_ref callback);
  void Finish();
  void Drop(napi_ref* reference);

  static void OnPoll(uv_poll_t* poll, int status, int events);
  static void OnClose(uv_handle_t* handle);
  static void OnTeardown(napi_async_cleanup_hook_handle hook, void* data);

  napi_env env_;
  int fd_;
  bool closing_ = false;
  uv_poll_t poll_{};
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  napi_ref wrapper_ = nullptr;
  napi_ref on_readable_ = nullptr;
  napi_ref on_closed_ = nullptr;
  std::shared_ptr<PollHandle> self_;
};

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_POLL_HANDLE_H_
