// The load generator for DNS: one thread, several UDP sockets, each with so many queries in flight.
//   dns-load ADDRESS PORT FILE SECONDS [SOCKETS] [WINDOW]
//
// FILE holds whole queries, each behind its length in two bytes; they are sent in random order. The ID of
// a query is its place in the window of its socket. A reply is right when it is of the ID of a query in
// flight, repeats its question, and has answers without an error. A query without a reply for a second is
// lost. One line of JSON on stdout.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr size_t kHeader = 12;
constexpr size_t kReplySpace = 4096;
constexpr unsigned kMaxWindow = 128;
constexpr uint64_t kSecondNs = 1'000'000'000;

uint64_t NowNs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * kSecondNs + static_cast<uint64_t>(t.tv_nsec);
}

struct Query {
  std::string bytes;
  size_t question_end;
};

struct Totals {
  uint64_t answered = 0, wrong = 0, lost = 0, bytes = 0;
};

class Socket {
 public:
  Socket(const sockaddr_in& server, unsigned window, uint64_t seed) : random_(seed), slots_(window) {
    fd_ = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd_ < 0 || connect(fd_, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
      perror("socket");
      exit(1);
    }
  }
  ~Socket() { close(fd_); }

  void Send(const std::vector<Query>& queries, uint64_t now, Totals* totals) {
    mmsghdr headers[kMaxWindow] = {};
    iovec vectors[kMaxWindow];
    unsigned count = 0;
    for (size_t id = 0; id < slots_.size(); id++) {
      Slot& slot = slots_[id];
      if (slot.query != nullptr) {
        if (now - slot.sent_at < kSecondNs) continue;
        totals->lost++;
      }
      slot.query = &queries[Random(queries.size())];
      slot.sent_at = now;
      slot.bytes = slot.query->bytes;
      slot.bytes[0] = static_cast<char>(id >> 8);
      slot.bytes[1] = static_cast<char>(id);
      vectors[count] = {slot.bytes.data(), slot.bytes.size()};
      headers[count].msg_hdr.msg_iov = &vectors[count];
      headers[count].msg_hdr.msg_iovlen = 1;
      count++;
    }
    // What the kernel does not take is lost after a second, as on the way.
    if (count > 0) sendmmsg(fd_, headers, count, 0);
  }

  void Receive(Totals* totals) {
    static char replies[kMaxWindow][kReplySpace];
    mmsghdr headers[kMaxWindow] = {};
    iovec vectors[kMaxWindow];
    for (unsigned i = 0; i < kMaxWindow; i++) {
      vectors[i] = {replies[i], kReplySpace};
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
    const int count = recvmmsg(fd_, headers, kMaxWindow, MSG_DONTWAIT, nullptr);
    for (int i = 0; i < count; i++) Take(replies[i], headers[i].msg_len, totals);
  }

 private:
  struct Slot {
    const Query* query = nullptr;
    uint64_t sent_at = 0;
    std::string bytes;
  };

  void Take(const char* reply, size_t length, Totals* totals) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(reply);
    const size_t id = length < kHeader ? SIZE_MAX : bytes[0] * 256u + bytes[1];
    if (id >= slots_.size() || slots_[id].query == nullptr) {
      totals->wrong++;
      return;
    }
    const Query& query = *slots_[id].query;
    // A list that does not fit is truncated, and has no records.
    const bool is_truncated = (bytes[2] & 0x02) != 0;
    const bool right = length > query.question_end && (bytes[2] & 0x80) != 0 &&
                       (bytes[3] & 0x0f) == 0 &&
                       (is_truncated || bytes[6] != 0 || bytes[7] != 0) &&
                       memcmp(reply + kHeader, query.bytes.data() + kHeader,
                              query.question_end - kHeader) == 0;
    (right ? totals->answered : totals->wrong)++;
    totals->bytes += length;
    slots_[id].query = nullptr;
  }

  size_t Random(size_t below) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_ % below;
  }

  uint64_t random_;
  std::vector<Slot> slots_;
  int fd_ = -1;
};

std::vector<Query> ReadQueries(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<Query> queries;
  for (size_t at = 0; at + 2 <= all.size();) {
    const size_t length =
        static_cast<unsigned char>(all[at]) * 256u + static_cast<unsigned char>(all[at + 1]);
    const std::string bytes = all.substr(at + 2, length);
    size_t name = kHeader;
    while (name < bytes.size() && bytes[name] != 0) name += 1 + static_cast<unsigned char>(bytes[name]);
    queries.push_back({bytes, name + 5});
    at += 2 + length;
  }
  return queries;
}

}  // namespace

int main(int argc, char** argv) {
  sockaddr_in server{};
  server.sin_family = AF_INET;
  if (argc < 5 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
    fprintf(stderr, "usage: dns-load ADDRESS PORT FILE SECONDS [SOCKETS] [WINDOW]\n");
    return 2;
  }
  server.sin_port = htons(static_cast<uint16_t>(atoi(argv[2])));
  const std::vector<Query> queries = ReadQueries(argv[3]);
  const unsigned sockets = argc > 5 ? static_cast<unsigned>(atoi(argv[5])) : 4;
  const unsigned window = argc > 6 ? static_cast<unsigned>(atoi(argv[6])) : 32;
  if (queries.empty() || sockets == 0 || window == 0 || window > kMaxWindow) {
    fprintf(stderr, "dns-load: no queries, or a number out of range\n");
    return 2;
  }
  std::vector<std::unique_ptr<Socket>> all;
  for (unsigned i = 0; i < sockets; i++) {
    all.push_back(std::make_unique<Socket>(server, window, 0x9e3779b97f4a7c15ull * (i + 1)));
  }
  Totals totals;
  const uint64_t begin = NowNs();
  const uint64_t end = begin + static_cast<uint64_t>(atof(argv[4]) * kSecondNs);
  for (uint64_t now = begin; now < end; now = NowNs()) {
    for (auto& socket : all) {
      socket->Receive(&totals);
      socket->Send(queries, now, &totals);
    }
  }
  const double seconds = static_cast<double>(NowNs() - begin) / kSecondNs;
  printf("{\"perSecond\":%.1f,\"answered\":%lu,\"wrong\":%lu,\"lost\":%lu,\"meanBytes\":%.1f}\n",
         static_cast<double>(totals.answered) / seconds, totals.answered, totals.wrong, totals.lost,
         totals.answered == 0 ? 0 : static_cast<double>(totals.bytes) / static_cast<double>(totals.answered));
  return 0;
}
