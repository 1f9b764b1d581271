// The load generator: one thread, several UDP sockets, each sending from several loopback addresses.
//   load --server ADDRESS:PORT --keys N --mode register|hits|misses|fresh|malformed [--seconds S]
//        [--rate R] [--flood] [--sockets K] [--sources A] [--first-source ADDRESS] [--window W]
//        [--first-port P] [--any-reply]
//
// register  sends each of the N keys until it is answered, then stops
// hits      each request is from a known key and asks for a known key
// misses    each request is from a known key and asks for a key that is not registered
// fresh     each request is from a key never seen before and asks for a known one
// malformed no request at all: 0 to 127 random bytes, and where they are 64, of the all-zero key
//
// Sockets are bound to the ports from P on, so that keys keep their endpoints from run to run. They send
// from A addresses of this host, 127.0.1.1 and those after it if not told otherwise.
//
// Without --rate the loop is closed: each socket keeps W requests in flight. With it, requests leave at
// R per second and the time to each reply is measured. With --flood they leave as fast as the kernel
// takes them, and replies are counted, but neither waited for nor checked. A reply names no request, so replies are matched
// to the requests of a socket in order; a loss (no reply for a second) forgets what is in flight and is
// counted. Replies are checked against the asked key's address unless --any-reply says that the server
// is no rendezvous. One line of JSON on stdout.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "source-socket.h"

namespace {

constexpr unsigned kBatch = 32;
constexpr unsigned kRing = 4096;  // requests in flight for each socket, at most
constexpr size_t kRequestBytes = 64;
constexpr size_t kKeyBytes = 32;
constexpr size_t kDatagramSpace = 128;
constexpr size_t kReplySpace = 128;
constexpr uint64_t kLossNs = 1'000'000'000;
constexpr uint64_t kNobody = uint64_t{1} << 40;  // keys from here on are never registered

enum class Mode { kRegister, kHits, kMisses, kFresh, kMalformed };

Mode ParseMode(const std::string& name) {
  if (name == "register") return Mode::kRegister;
  if (name == "misses") return Mode::kMisses;
  if (name == "malformed") return Mode::kMalformed;
  return name == "fresh" ? Mode::kFresh : Mode::kHits;
}

struct Options {
  sockaddr_in server{};
  uint64_t keys = 10;
  Mode mode = Mode::kHits;
  double seconds = 2;
  double rate = 0;
  unsigned sockets = 4;
  unsigned sources = 64;
  unsigned window = 48;
  uint32_t first_source = 0x7f000101;  // 127.0.1.1
  unsigned first_port = 20'000;
  bool flood = false;
  bool any_reply = false;

  // With fewer keys than addresses to send from, keys move between addresses.
  bool settled() const { return keys >= uint64_t{sockets} * sources; }
};

struct Totals {
  uint64_t sent = 0, known = 0, unknown = 0, wrong = 0, lost = 0;
};

struct InFlight {
  uint64_t sent_at;
  uint32_t expected;  // network order; 0: any
};

uint64_t Mix(uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

void WriteKey(uint64_t index, unsigned char* out) {
  for (uint64_t i = 0; i < 4; i++) {
    uint64_t word = Mix(index * 4 + i);
    memcpy(out + i * 8, &word, 8);
  }
}

class Socket {
 public:
  Socket(const Options& options, unsigned number)
      : options_(options),
        random_(Mix(number + 77)),
        next_key_(number),
        socket_(options.server, options.first_port + number) {}

  unsigned in_flight() const { return tail_ - head_; }
  const Totals& totals() const { return totals_; }
  std::vector<uint32_t>& latencies_ns() { return latencies_ns_; }
  bool finished() const {
    return options_.mode == Mode::kRegister && next_key_ >= options_.keys && in_flight() == 0;
  }

  // Sends up to `count` requests; returns how many left.
  unsigned Send(unsigned count, uint64_t now) {
    count = std::min({count, kBatch, kRing - in_flight()});
    if (in_flight() == 0) last_reply_ = now;
    unsigned ready = 0;
    while (ready < count && Compose(ready, now)) ready++;
    socket_.Send(ready);
    tail_ += ready;
    totals_.sent += ready;
    return ready;
  }

  // Sends as many as fit in a batch, and expects no answer.
  void Flood(uint64_t now) {
    Send(kBatch, now);
    head_ = tail_;
  }

  // Takes all replies that wait.
  void Receive() {
    socket_.Receive([this](const unsigned char* reply, unsigned length, uint64_t now) {
      Credit(reply, length, now);
    });
  }

  void ForgetLost(uint64_t now) {
    if (in_flight() == 0 || now < last_reply_ + kLossNs) return;
    totals_.lost += in_flight();
    if (options_.mode == Mode::kRegister) next_key_ -= uint64_t{in_flight()} * options_.sockets;
    head_ = tail_;
  }

 private:
  bool Compose(unsigned slot, uint64_t now) {
    uint64_t key = next_key_;
    if (options_.mode == Mode::kRegister) {
      if (key >= options_.keys) return false;
    } else {
      key = RandomKey();
      // A key always comes from the same socket and address, as peers do.
      if (options_.settled()) {
        key -= key % options_.sockets;
        key += next_key_ % options_.sockets;
        if (key >= options_.keys) key -= options_.sockets;
      }
    }
    uint64_t asked = options_.mode == Mode::kRegister ? key : RandomKey();
    InFlight& entry = ring_[(tail_ + slot) % kRing];
    entry = {now, options_.settled() ? Source(asked) : 0};
    if (options_.mode == Mode::kRegister) {
      next_key_ += options_.sockets;
    } else if (options_.mode == Mode::kMisses) {
      asked += kNobody;
    } else if (options_.mode == Mode::kFresh) {
      key = kNobody + random_;
    }
    WriteKey(key, requests_[slot]);
    WriteKey(asked, requests_[slot] + kKeyBytes);
    uint32_t source = options_.settled() ? Source(key) : Source(turn_++ * options_.sockets);
    size_t length = options_.mode == Mode::kMalformed ? Spoil(requests_[slot]) : kRequestBytes;
    socket_.Put(slot, requests_[slot], length, source);
    return true;
  }

  // Makes what is no request of a datagram; returns its length.
  size_t Spoil(unsigned char* datagram) {
    WriteKey(random_, datagram + kRequestBytes);
    WriteKey(~random_, datagram + kRequestBytes + kKeyBytes);
    size_t length = random_ % kDatagramSpace;
    if (length == kRequestBytes) memset(datagram, 0, kKeyBytes);
    return length;
  }

  uint32_t Source(uint64_t key) const {
    return htonl(options_.first_source + static_cast<uint32_t>(key / options_.sockets % options_.sources));
  }

  uint64_t RandomKey() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return static_cast<uint64_t>((static_cast<unsigned __int128>(random_) * options_.keys) >> 64);
  }

  void Credit(const unsigned char* reply, unsigned length, uint64_t now) {
    last_reply_ = now;
    if (options_.flood) {
      (length == 0 ? totals_.unknown : totals_.known)++;
      return;
    }
    if (in_flight() == 0) {  // late, given up
      totals_.wrong++;
      return;
    }
    const InFlight& entry = ring_[head_++ % kRing];
    if (options_.rate > 0) latencies_ns_.push_back(static_cast<uint32_t>(now - entry.sent_at));
    if (length == 0) {
      totals_.unknown++;
      return;
    }
    uint32_t address;
    memcpy(&address, reply, sizeof address);
    bool right = length == 6 && (reply[0] == 127 || options_.any_reply) &&
                 (entry.expected == 0 || options_.any_reply || address == entry.expected);
    (right ? totals_.known : totals_.wrong)++;
  }

  Options options_;
  uint64_t random_;
  uint64_t next_key_;
  unsigned turn_ = 0;
  Totals totals_;
  uint64_t last_reply_ = 0;
  unsigned head_ = 0, tail_ = 0;  // free-running
  InFlight ring_[kRing];
  std::vector<uint32_t> latencies_ns_;
  SourceSocket<kBatch, kReplySpace> socket_;
  unsigned char requests_[kBatch][kDatagramSpace];
};

using Sockets = std::vector<std::unique_ptr<Socket>>;

bool Finished(const Sockets& sockets) {
  return std::all_of(sockets.begin(), sockets.end(), [](const auto& s) { return s->finished(); });
}

void RunClosed(Sockets& sockets, const Options& options, uint64_t end) {
  for (uint64_t now = NowNs(); now < end && !Finished(sockets); now = NowNs()) {
    for (auto& socket : sockets) {
      socket->Receive();
      socket->ForgetLost(now);
      if (socket->in_flight() < options.window) {
        socket->Send(options.window - socket->in_flight(), NowNs());
      }
    }
  }
}

void RunFlood(Sockets& sockets, uint64_t end) {
  for (uint64_t now = NowNs(); now < end; now = NowNs()) {
    for (auto& socket : sockets) {
      socket->Receive();
      socket->Flood(now);
    }
  }
}

void RunPaced(Sockets& sockets, const Options& options, uint64_t begin, uint64_t end) {
  double sent = 0;
  size_t next = 0;
  for (uint64_t now = begin; now < end; now = NowNs()) {
    double due = static_cast<double>(now - begin) * options.rate / kSecondNs - sent;
    if (due >= 1) {
      unsigned n = sockets[next++ % sockets.size()]->Send(static_cast<unsigned>(due), now);
      // What a full ring held back is not made up for later: the rate is not to burst.
      sent += n > 0 ? n : due;
    }
    for (auto& socket : sockets) {
      socket->Receive();
      socket->ForgetLost(now);
    }
  }
}

double PercentileUs(const std::vector<uint32_t>& sorted, double fraction) {
  if (sorted.empty()) return 0;
  size_t at = static_cast<size_t>(fraction * static_cast<double>(sorted.size() - 1));
  return sorted[at] / 1000.0;
}

[[noreturn]] void Usage(const char* what) {
  fprintf(stderr, "load: unusable argument: %s\n", what);
  exit(2);
}

Options Parse(int argc, char** argv) {
  Options options;
  options.server.sin_family = AF_INET;
  for (int i = 1; i < argc; i++) {
    std::string name = argv[i];
    if (name == "--any-reply") {
      options.any_reply = true;
      continue;
    }
    if (name == "--flood") {
      options.flood = true;
      continue;
    }
    if (++i == argc) Usage(name.c_str());
    std::string value = argv[i];
    if (name == "--server") {
      size_t colon = value.rfind(':');
      if (colon == std::string::npos ||
          inet_pton(AF_INET, value.substr(0, colon).c_str(), &options.server.sin_addr) != 1) {
        Usage(value.c_str());
      }
      options.server.sin_port = htons(static_cast<uint16_t>(atoi(value.c_str() + colon + 1)));
    } else if (name == "--keys") {
      options.keys = strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--mode") {
      options.mode = ParseMode(value);
    } else if (name == "--seconds") {
      options.seconds = atof(value.c_str());
    } else if (name == "--rate") {
      options.rate = atof(value.c_str());
    } else if (name == "--sockets") {
      options.sockets = static_cast<unsigned>(atoi(value.c_str()));
    } else if (name == "--sources") {
      options.sources = static_cast<unsigned>(atoi(value.c_str()));
    } else if (name == "--first-source") {
      in_addr address;
      if (inet_pton(AF_INET, value.c_str(), &address) != 1) Usage(value.c_str());
      options.first_source = ntohl(address.s_addr);
    } else if (name == "--window") {
      options.window = static_cast<unsigned>(atoi(value.c_str()));
    } else if (name == "--first-port") {
      options.first_port = static_cast<unsigned>(atoi(value.c_str()));
    } else {
      Usage(name.c_str());
    }
  }
  if (options.keys == 0 || options.sockets == 0 || options.sources == 0 || options.window == 0 ||
      options.window > kRing || options.server.sin_port == 0) {
    Usage("zero or too large");
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  Options options = Parse(argc, argv);
  Sockets sockets;
  for (unsigned i = 0; i < options.sockets; i++) sockets.push_back(std::make_unique<Socket>(options, i));
  uint64_t begin = NowNs();
  uint64_t end = begin + static_cast<uint64_t>(options.seconds * kSecondNs);
  if (options.flood) {
    RunFlood(sockets, end);
  } else if (options.rate > 0) {
    RunPaced(sockets, options, begin, end);
  } else {
    RunClosed(sockets, options, end);
  }
  double seconds = static_cast<double>(NowNs() - begin) / kSecondNs;
  Totals sum;
  std::vector<uint32_t> latencies;
  for (auto& socket : sockets) {
    const Totals& t = socket->totals();
    sum.sent += t.sent;
    sum.known += t.known;
    sum.unknown += t.unknown;
    sum.wrong += t.wrong;
    sum.lost += t.lost;
    latencies.insert(latencies.end(), socket->latencies_ns().begin(), socket->latencies_ns().end());
  }
  std::sort(latencies.begin(), latencies.end());
  uint64_t answered = sum.known + sum.unknown;
  printf("{\"seconds\":%.4f,\"perSecond\":%.1f,\"sent\":%lu,\"known\":%lu,\"unknown\":%lu,\"wrong\":%lu,"
         "\"lost\":%lu,\"finished\":%s,\"p50Us\":%.1f,\"p99Us\":%.1f,\"p999Us\":%.1f}\n",
         seconds, static_cast<double>(answered) / seconds, sum.sent, sum.known, sum.unknown, sum.wrong,
         sum.lost, Finished(sockets) ? "true" : "false", PercentileUs(latencies, 0.5),
         PercentileUs(latencies, 0.99), PercentileUs(latencies, 0.999));
  return 0;
}
