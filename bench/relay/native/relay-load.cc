// The load generator: sends datagrams of WireGuard's form from A to a relay and counts them at B.
//   relay-load --from ADDRESS:PORT --to ADDRESS:PORT --sink ADDRESS:PORT --bytes N [--seconds S]
//              [--rate R] [--window W] [--prefix HEX] [--from-netns FILE] [--sink-netns FILE]
//              [--keepalive ADDRESS:PORT]
//
// Without --rate the loop is closed: up to W datagrams are under way; those that do not arrive within 50 ms
// count as lost. With it, datagrams leave at R per second and their time under way is measured: both sides
// sleep meanwhile, so that they keep no processor from the relay. The prefix is sent before the N bytes of each
// datagram, and does not arrive. B sends one keepalive, so that a relay knows that it is still there. One line
// of JSON on stdout.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr unsigned kBatch = 64;
constexpr size_t kSlotBytes = 9216;
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kLossNs = 50'000'000;
constexpr int kPollMs = 20;
constexpr size_t kHeaderBytes = 16;  // of WireGuard's data, whose counter carries the time
constexpr size_t kTimeAt = 8;

uint64_t NowNs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * kSecondNs + static_cast<uint64_t>(t.tv_nsec);
}

struct Options {
  sockaddr_in from{}, to{}, sink{}, keepalive{};
  size_t bytes = 1420;
  double seconds = 1;
  double rate = 0;
  unsigned window = 256;
  std::string prefix, from_netns, sink_netns;
};

sockaddr_in ParseAddress(const std::string& text) {
  sockaddr_in address{};
  const size_t colon = text.find(':');
  address.sin_family = AF_INET;
  inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr);
  address.sin_port = htons(static_cast<uint16_t>(atoi(text.substr(colon + 1).c_str())));
  return address;
}

std::string ParseHex(const std::string& text) {
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(strtol(text.substr(i, 2).c_str(), nullptr, 16));
  }
  return bytes;
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--from") options.from = ParseAddress(value);
    else if (name == "--to") options.to = ParseAddress(value);
    else if (name == "--sink") options.sink = ParseAddress(value);
    else if (name == "--bytes") options.bytes = std::min(std::stoul(value), kSlotBytes - 64);
    else if (name == "--seconds") options.seconds = std::stod(value);
    else if (name == "--rate") options.rate = std::stod(value);
    else if (name == "--window") options.window = static_cast<unsigned>(std::stoul(value));
    else if (name == "--keepalive") options.keepalive = ParseAddress(value);
    else if (name == "--prefix") options.prefix = ParseHex(value);
    else if (name == "--from-netns") options.from_netns = value;
    else if (name == "--sink-netns") options.sink_netns = value;
    else {
      fprintf(stderr, "relay-load: unknown option %s\n", name.c_str());
      exit(2);
    }
  }
  return options;
}

// A socket of the network namespace in a file, or of the present one.
int OpenSocket(const sockaddr_in& self, const std::string& netns) {
  if (!netns.empty()) {
    const int ns = open(netns.c_str(), O_RDONLY | O_CLOEXEC);
    if (ns < 0 || setns(ns, CLONE_NEWNET) != 0) {
      perror("setns");
      exit(1);
    }
    close(ns);
  }
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&self), sizeof self) != 0) {
    perror("bind");
    exit(1);
  }
  const int buffer = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  return fd;
}

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options),
        from_(OpenSocket(options.from, options.from_netns)),
        sink_(OpenSocket(options.sink, options.sink_netns)) {
    for (unsigned i = 0; i < kBatch; i++) {
      memcpy(out_slots_[i], options.prefix.data(), options.prefix.size());
      unsigned char* datagram = out_slots_[i] + options.prefix.size();
      memset(datagram, 0x5a, options.bytes);
      memset(datagram, 0, kHeaderBytes);
      datagram[0] = 4;
      out_iov_[i] = {out_slots_[i], options.prefix.size() + options.bytes};
      out_[i].msg_hdr.msg_name = &options_.to;
      out_[i].msg_hdr.msg_namelen = sizeof options_.to;
      out_[i].msg_hdr.msg_iov = &out_iov_[i];
      out_[i].msg_hdr.msg_iovlen = 1;
      in_iov_[i] = {in_slots_[i], kSlotBytes};
      in_[i].msg_hdr.msg_iov = &in_iov_[i];
      in_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  void Run() {
    if (options_.keepalive.sin_port != 0) {
      const unsigned char keepalive[2 * kHeaderBytes] = {4};
      sendto(sink_, keepalive, sizeof keepalive, 0,
             reinterpret_cast<const sockaddr*>(&options_.keepalive), sizeof options_.keepalive);
    }
    const uint64_t begin = NowNs();
    const uint64_t end = begin + static_cast<uint64_t>(options_.seconds * kSecondNs);
    if (options_.rate > 0) {
      RunAtRate(begin, end);
    } else {
      RunClosedLoop(begin, end);
    }
    elapsed_ = static_cast<double>(NowNs() - begin) / kSecondNs;
    const uint64_t received = received_;
    // What is under way still is neither counted nor lost.
    timespec pause{0, 20'000'000};
    nanosleep(&pause, nullptr);
    while (Receive() > 0) {
    }
    Report(received);
  }

 private:
  void RunClosedLoop(uint64_t begin, uint64_t end) {
    uint64_t heard_at = begin;
    unsigned under_way = 0;
    for (uint64_t now = begin; now < end; now = NowNs()) {
      if (under_way + kBatch / 2 <= options_.window) {
        under_way += Send(std::min(kBatch, options_.window - under_way), now);
      }
      const unsigned received = Receive();
      under_way -= std::min(under_way, received);
      if (received > 0) {
        heard_at = now;
      } else if (under_way > 0 && now - heard_at > kLossNs) {
        under_way = 0;
        heard_at = now;
      }
    }
  }

  // The sink waits in a thread of its own, as a receiver does: its waking is part of the time under way.
  void RunAtRate(uint64_t begin, uint64_t end) {
    std::atomic<bool> is_over = false;
    std::thread sink([&] {
      while (!is_over) {
        pollfd readable{sink_, POLLIN, 0};
        if (poll(&readable, 1, kPollMs) > 0) Receive();
      }
    });
    const auto interval = static_cast<double>(kSecondNs) / options_.rate;
    for (uint64_t i = 0, due = begin; due < end; due = begin + static_cast<uint64_t>(++i * interval)) {
      const timespec until{static_cast<time_t>(due / kSecondNs), static_cast<long>(due % kSecondNs)};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
      Send(1, NowNs());
    }
    is_over = true;
    sink.join();
  }

  unsigned Send(unsigned count, uint64_t now) {
    for (unsigned i = 0; i < count; i++) {
      memcpy(out_slots_[i] + options_.prefix.size() + kTimeAt, &now, sizeof now);
    }
    const int sent = sendmmsg(from_, out_, count, 0);
    if (sent <= 0) return 0;
    sent_ += static_cast<uint64_t>(sent);
    return static_cast<unsigned>(sent);
  }

  unsigned Receive() {
    const int count = recvmmsg(sink_, in_, kBatch, MSG_DONTWAIT, nullptr);
    if (count <= 0) return 0;
    const uint64_t now = NowNs();
    for (int i = 0; i < count; i++) {
      if (in_[i].msg_len != options_.bytes || in_slots_[i][0] != 4) {
        wrong_++;
        continue;
      }
      received_++;
      if (options_.rate > 0) {
        uint64_t sent_at;
        memcpy(&sent_at, in_slots_[i] + kTimeAt, sizeof sent_at);
        times_.push_back(static_cast<uint32_t>(std::min<uint64_t>(now - sent_at, UINT32_MAX)));
      }
    }
    return static_cast<unsigned>(count);
  }

  double Percentile(double part) {
    if (times_.empty()) return 0;
    std::sort(times_.begin(), times_.end());
    const auto at = static_cast<size_t>(part * static_cast<double>(times_.size() - 1));
    return times_[at] / 1000.0;
  }

  void Report(uint64_t received) {
    printf("{\"seconds\":%.4f,\"sent\":%llu,\"received\":%llu,\"lost\":%llu,\"wrong\":%llu,"
           "\"perSecond\":%.1f,\"p50Us\":%.1f,\"p99Us\":%.1f}\n",
           elapsed_, static_cast<unsigned long long>(sent_),
           static_cast<unsigned long long>(received_),
           static_cast<unsigned long long>(sent_ - std::min(sent_, received_)),
           static_cast<unsigned long long>(wrong_), static_cast<double>(received) / elapsed_,
           Percentile(0.5), Percentile(0.99));
  }

  Options options_;
  int from_;
  int sink_;
  mmsghdr out_[kBatch]{}, in_[kBatch]{};
  iovec out_iov_[kBatch]{}, in_iov_[kBatch]{};
  unsigned char out_slots_[kBatch][kSlotBytes]{};
  unsigned char in_slots_[kBatch][kSlotBytes]{};
  uint64_t sent_ = 0, received_ = 0, wrong_ = 0;
  double elapsed_ = 0;
  std::vector<uint32_t> times_;
};

}  // namespace

int main(int argc, char** argv) {
  static Load load(ParseOptions(argc, argv));
  load.Run();
}
