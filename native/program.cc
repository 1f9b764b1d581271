#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "options.h"
#include "system-error.h"

namespace wg_rendezvous {

namespace {

constexpr size_t kMaxMessageBytes = 64 << 10;
constexpr size_t kFirstBytes = 16 << 10;
constexpr size_t kStackBytes = 128 << 10;
constexpr int kFirstPassed = 3;
// Pauses between looks at a program that has closed its output: it has usually ended by the second.
constexpr int kFirstPauseMs = 1;
constexpr int kMaxPauseMs = 50;

// A descriptor of this process.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { Close(); }

  int fd() const { return fd_; }

  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

// One end of a pipe, and the bytes read from it, of which no copy stays in memory.
class Output {
 public:
  ~Output() { Wipe(); }

  bool Open(Descriptor* write_end) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    read_end_ = Descriptor(ends[0]);
    *write_end = Descriptor(ends[1]);
    return true;
  }

  int fd() const { return read_end_.fd(); }
  size_t size() const { return size_; }

  // Reads what is there; closes the pipe at its end.
  void Read() {
    if (size_ == bytes_.size()) Grow();
    const ssize_t length = read(fd(), bytes_.data() + size_, bytes_.size() - size_);
    if (length > 0) {
      size_ += static_cast<size_t>(length);
    } else if (length == 0 || errno != EINTR) {
      read_end_.Close();
    }
  }

  void Truncate(size_t size) { size_ = std::min(size_, size); }
  void Close() { read_end_.Close(); }

  // Moves the bytes to JavaScript.
  Napi::Value Take(Napi::Env env) {
    const Napi::Value taken = Napi::Buffer<uint8_t>::Copy(env, bytes_.data(), size_);
    Wipe();
    return taken;
  }

 private:
  void Wipe() {
    if (!bytes_.empty()) explicit_bzero(bytes_.data(), bytes_.size());
    size_ = 0;
  }

  void Grow() {
    std::vector<uint8_t> larger(std::max(kFirstBytes, 2 * bytes_.size()));
    std::copy_n(bytes_.begin(), size_, larger.begin());
    if (!bytes_.empty()) explicit_bzero(bytes_.data(), bytes_.size());
    bytes_.swap(larger);
  }

  Descriptor read_end_;
  std::vector<uint8_t> bytes_;
  size_t size_ = 0;
};

// What a program is started with.
struct Start {
  std::string file;
  std::vector<std::string> args;
  std::vector<std::string> environment;
  Descriptor input;
  Descriptor stdout_end;
  Descriptor stderr_end;
  std::vector<Descriptor> passed;
};

// A program that runs, and the thread that waits for it.
struct Program {
  pid_t pid = 0;
  Output output;
  Output message;
  size_t max_bytes = 0;
  Descriptor stop;  // an eventfd, readable once the thread is to stop
  std::atomic<bool> is_abandoned{false};  // on teardown: the thread stops, and the program runs on
  int status = 0;
  bool has_status = false;
  pthread_t thread{};
  napi_threadsafe_function on_end = nullptr;
};

using Shared = std::shared_ptr<Program>;

std::vector<char*> Pointers(const std::string* first, const std::vector<std::string>& rest) {
  std::vector<char*> pointers;
  if (first != nullptr) pointers.push_back(const_cast<char*>(first->c_str()));
  for (const std::string& text : rest) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// A file in memory with these bytes, to be read from its beginning; -1 with errno set.
Descriptor FileWith(const std::string& text) {
  Descriptor file(memfd_create("input", MFD_CLOEXEC));
  for (size_t written = 0; file.fd() >= 0 && written < text.size();) {
    const ssize_t length = pwrite(file.fd(), text.data() + written, text.size() - written,
                                  static_cast<off_t>(written));
    if (length > 0) {
      written += static_cast<size_t>(length);
    } else if (errno != EINTR) {
      file.Close();
    }
  }
  return file;
}

// 0, or the errno of the failure.
int Spawn(const Start& start, pid_t* pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, start.input.fd(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, start.stdout_end.fd(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, start.stderr_end.fd(), STDERR_FILENO);
  int next = kFirstPassed;
  for (const Descriptor& descriptor : start.passed) {
    posix_spawn_file_actions_adddup2(&actions, descriptor.fd(), next++);
  }
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  // Node ignores SIGPIPE, and a program would inherit that.
  sigset_t all;
  sigset_t none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);

  const std::vector<char*> args = Pointers(&start.file, start.args);
  const std::vector<char*> environment = Pointers(nullptr, start.environment);
  const int error = posix_spawn(pid, start.file.c_str(), &actions, &attributes, args.data(),
                                environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// Reads both pipes to their ends. False when the program is to be killed or abandoned.
bool Collect(Program* program) {
  while (program->output.fd() >= 0 || program->message.fd() >= 0) {
    pollfd polled[] = {{program->stop.fd(), POLLIN, 0},
                       {program->output.fd(), POLLIN, 0},  // poll() skips what is negative
                       {program->message.fd(), POLLIN, 0}};
    if (poll(polled, 3, -1) < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    if (polled[0].revents != 0) return false;
    if (polled[1].revents != 0) program->output.Read();
    if (polled[2].revents != 0) program->message.Read();
    if (program->output.size() > program->max_bytes) return false;
    program->message.Truncate(kMaxMessageBytes);
  }
  return true;
}

// Waits for the end of a program that has closed its output. False when it is to be killed or abandoned.
bool WaitForEnd(Program* program) {
  int pause_ms = 0;
  pid_t ended;
  while ((ended = waitpid(program->pid, &program->status, WNOHANG)) == 0) {
    pollfd stop{program->stop.fd(), POLLIN, 0};
    if (poll(&stop, 1, pause_ms) > 0) return false;
    pause_ms = std::min(std::max(kFirstPauseMs, 2 * pause_ms), kMaxPauseMs);
  }
  program->has_status = ended > 0;
  return true;
}

void Kill(Program* program) {
  kill(program->pid, SIGKILL);
  while (waitpid(program->pid, &program->status, 0) < 0 && errno == EINTR) {
  }
  // It may have ended by itself a moment before. A part of its output is no success.
  program->status = SIGKILL;
  program->has_status = true;
}

// The thread of a program.
void* Follow(void* data) {
  auto* shared = static_cast<Shared*>(data);
  Program* program = shared->get();
  const bool has_ended = Collect(program) && WaitForEnd(program);
  if (!has_ended && !program->is_abandoned) Kill(program);
  // Children that a script has left may still hold the pipes open.
  program->output.Close();
  program->message.Close();
  napi_threadsafe_function on_end = program->on_end;
  if (napi_call_threadsafe_function(on_end, shared, napi_tsfn_blocking) != napi_ok) delete shared;
  napi_release_threadsafe_function(on_end, napi_tsfn_release);
  return nullptr;
}

void Stop(Program* program) {
  const uint64_t one = 1;
  // Fails when the program has ended.
  (void)!write(program->stop.fd(), &one, sizeof(one));
}

// The environment ends, and with it the addon: no thread may stay in its code.
void OnTeardown(void* data) {
  auto* program = static_cast<Program*>(data);
  program->is_abandoned = true;
  Stop(program);
  pthread_join(program->thread, nullptr);
}

// Calls onEnd on the main thread; after the teardown, without an environment.
void CallOnEnd(napi_env raw_env, napi_value on_end, void*, void* data) {
  const std::unique_ptr<Shared> shared(static_cast<Shared*>(data));
  if (raw_env == nullptr) return;
  const Napi::Env env(raw_env);
  const Napi::HandleScope scope(env);
  Program& program = **shared;
  napi_remove_env_cleanup_hook(env, OnTeardown, &program);
  pthread_join(program.thread, nullptr);
  program.stop.Close();
  const bool has_exited = program.has_status && WIFEXITED(program.status);
  const bool has_signal = program.has_status && WIFSIGNALED(program.status);
  Napi::Function(env, on_end).Call({
      has_exited ? Napi::Number::New(env, WEXITSTATUS(program.status)) : env.Null(),
      has_signal ? Napi::Number::New(env, WTERMSIG(program.status)) : env.Null(),
      program.output.Take(env),
      program.message.Take(env),
  });
}

// 0, or the errno of the failure. No signal of the process is handled in the thread.
int StartThread(const Shared& program) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  auto* data = new Shared(program);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(&program->thread, &attributes, Follow, data);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) delete data;
  return error;
}

}  // namespace

Napi::Value RunProgram(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const auto fail = [env](int error, const char* syscall, const char* detail = nullptr) {
    ThrowSystemError(env, error, syscall, detail);
    return env.Undefined();
  };
  Start start;
  auto program = std::make_shared<Program>();
  Options options(info);
  start.file = options.String("file");
  start.args = options.Strings("args");
  start.environment = options.Strings("environment");
  const std::string input = options.String("input");
  const std::vector<int> descriptors = options.Descriptors("descriptors");
  const int64_t max_bytes = options.Number("maxBytes");
  if (options.threw()) return env.Undefined();
  if (start.file.empty() || max_bytes < 0 || !info[1].IsFunction()) {
    ThrowTypeError(env, "Expected file, args, environment, descriptors, maxBytes, and a function");
    return env.Undefined();
  }
  program->max_bytes = static_cast<size_t>(max_bytes);

  // Copies above the numbers that they get in the program, so that none overwrites another.
  const int first_copy = kFirstPassed + static_cast<int>(descriptors.size());
  for (const int descriptor : descriptors) {
    start.passed.emplace_back(fcntl(descriptor, F_DUPFD_CLOEXEC, first_copy));
    if (start.passed.back().fd() < 0) return fail(errno, "fcntl", "F_DUPFD_CLOEXEC");
  }
  start.input = FileWith(input);
  if (start.input.fd() < 0) return fail(errno, "memfd_create");
  program->stop = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (program->stop.fd() < 0) return fail(errno, "eventfd");
  if (!program->output.Open(&start.stdout_end) || !program->message.Open(&start.stderr_end)) {
    return fail(errno, "pipe2");
  }
  const Napi::String name = Napi::String::New(env, "wg-rendezvous:program");
  if (napi_create_threadsafe_function(env, info[1], nullptr, name, 1, 1, nullptr, nullptr, nullptr,
                                      CallOnEnd, &program->on_end) != napi_ok) {
    return fail(ENOMEM, "napi_create_threadsafe_function");
  }
  int error = Spawn(start, &program->pid);
  const char* const failed = error != 0 ? "spawn" : "pthread_create";
  if (error == 0) {
    error = StartThread(program);
    if (error != 0) Kill(program.get());
  }
  if (error != 0) {
    napi_release_threadsafe_function(program->on_end, napi_tsfn_abort);
    return fail(error, failed, start.file.c_str());
  }
  // After that of the function above, and so called before it.
  napi_add_env_cleanup_hook(env, OnTeardown, program.get());
  return Napi::Function::New(env, [program](const Napi::CallbackInfo&) { Stop(program.get()); });
}

}  // namespace wg_rendezvous
