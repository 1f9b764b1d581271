// Sends datagrams that were prepared, and counts what comes back.
//   replay --server ADDRESS:PORT --file FILE [--seconds S] [--sockets K] [--first-port P] [--window W]
//
// The file holds records of `source[2] length[2] datagram`, numbers little-endian. Source s sends from
// port P + s % K of 127.0.1.(1 + s / K). Each socket keeps W datagrams in flight, whatever of them is
// answered: a datagram back is one off, and what is not answered for a second is given up and counted.
// One line of JSON on stdout.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr unsigned kBatch = 32;
constexpr size_t kReplySpace = 1280;
constexpr size_t kHeaderBytes = 4;
constexpr uint64_t kSecondNs = 1'000'000'000;

struct Record {
  unsigned source;
  const unsigned char* bytes;
  size_t length;
};

struct Options {
  sockaddr_in server{};
  std::string file;
  double seconds = 2;
  unsigned sockets = 4;
  unsigned first_port = 21'000;
  unsigned window = 32;
};

uint64_t NowNs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * kSecondNs + static_cast<uint64_t>(t.tv_nsec);
}

class Socket {
 public:
  Socket(const Options& options, unsigned number, std::vector<Record> records)
      : options_(options), records_(std::move(records)) {
    fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in self{};
    self.sin_family = AF_INET;
    self.sin_port = htons(static_cast<uint16_t>(options.first_port + number));
    if (fd_ < 0 || bind(fd_, reinterpret_cast<sockaddr*>(&self), sizeof self) != 0) {
      perror("bind");
      exit(1);
    }
    int buffer = 4 << 20;
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    for (unsigned i = 0; i < kBatch; i++) {
      msghdr& out = out_[i].msg_hdr;
      out = {};
      out.msg_name = &options_.server;
      out.msg_namelen = sizeof options_.server;
      out.msg_iov = &out_iov_[i];
      out.msg_iovlen = 1;
      out.msg_control = control_[i];
      out.msg_controllen = sizeof control_[i];
      cmsghdr* header = CMSG_FIRSTHDR(&out);
      header->cmsg_level = IPPROTO_IP;
      header->cmsg_type = IP_PKTINFO;
      header->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
      memset(CMSG_DATA(header), 0, sizeof(in_pktinfo));
      in_iov_[i] = {replies_[i], kReplySpace};
      in_[i].msg_hdr = {};
      in_[i].msg_hdr.msg_iov = &in_iov_[i];
      in_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  bool finished() const { return next_ == records_.size() && in_flight_ == 0; }
  uint64_t sent() const { return next_; }
  uint64_t answers() const { return answers_; }
  uint64_t answer_bytes() const { return answer_bytes_; }
  uint64_t lost() const { return lost_; }

  void Send(uint64_t now) {
    size_t room = options_.window - std::min(options_.window, in_flight_);
    unsigned count = static_cast<unsigned>(std::min({room, size_t{kBatch}, records_.size() - next_}));
    if (count == 0) return;
    if (in_flight_ == 0) last_ = now;
    for (unsigned i = 0; i < count; i++) {
      const Record& record = records_[next_ + i];
      out_iov_[i] = {const_cast<unsigned char*>(record.bytes), record.length};
      auto* info = reinterpret_cast<in_pktinfo*>(CMSG_DATA(CMSG_FIRSTHDR(&out_[i].msg_hdr)));
      info->ipi_spec_dst.s_addr = htonl(0x7f000101u + record.source / options_.sockets);
    }
    for (unsigned sent = 0; sent < count;) {
      int n = sendmmsg(fd_, out_ + sent, count - sent, 0);
      sent += n > 0 ? static_cast<unsigned>(n) : 0;  // the queue to loopback empties by itself
    }
    next_ += count;
    in_flight_ += count;
  }

  void Receive(uint64_t now) {
    for (int n = kBatch; n == static_cast<int>(kBatch);) {
      n = recvmmsg(fd_, in_, kBatch, 0, nullptr);
      for (int i = 0; i < n; i++) {
        answers_++;
        answer_bytes_ += in_[i].msg_len;
        in_flight_ -= in_flight_ > 0;
        last_ = now;
      }
    }
    if (in_flight_ > 0 && now > last_ + kSecondNs) {
      lost_ += in_flight_;
      in_flight_ = 0;
    }
  }

 private:
  Options options_;
  std::vector<Record> records_;
  size_t next_ = 0;
  unsigned in_flight_ = 0;
  uint64_t answers_ = 0, answer_bytes_ = 0, lost_ = 0, last_ = 0;
  int fd_ = -1;
  mmsghdr out_[kBatch], in_[kBatch];
  iovec out_iov_[kBatch], in_iov_[kBatch];
  unsigned char replies_[kBatch][kReplySpace];
  alignas(cmsghdr) unsigned char control_[kBatch][CMSG_SPACE(sizeof(in_pktinfo))];
};

[[noreturn]] void Fail(const char* what) {
  fprintf(stderr, "replay: unusable: %s\n", what);
  exit(2);
}

std::vector<unsigned char> Read(const std::string& path) {
  FILE* file = fopen(path.c_str(), "rb");
  if (file == nullptr) Fail(path.c_str());
  fseek(file, 0, SEEK_END);
  std::vector<unsigned char> bytes(static_cast<size_t>(ftell(file)));
  rewind(file);
  if (fread(bytes.data(), 1, bytes.size(), file) != bytes.size()) Fail(path.c_str());
  fclose(file);
  return bytes;
}

Options Parse(int argc, char** argv) {
  Options options;
  options.server.sin_family = AF_INET;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i], value = argv[i + 1];
    unsigned number = static_cast<unsigned>(atoi(value.c_str()));
    if (name == "--server") {
      size_t colon = value.rfind(':');
      if (colon == std::string::npos ||
          inet_pton(AF_INET, value.substr(0, colon).c_str(), &options.server.sin_addr) != 1) {
        Fail(value.c_str());
      }
      options.server.sin_port = htons(static_cast<uint16_t>(atoi(value.c_str() + colon + 1)));
    } else if (name == "--file") {
      options.file = value;
    } else if (name == "--seconds") {
      options.seconds = atof(value.c_str());
    } else if (name == "--sockets") {
      options.sockets = number;
    } else if (name == "--first-port") {
      options.first_port = number;
    } else if (name == "--window") {
      options.window = number;
    } else {
      Fail(name.c_str());
    }
  }
  if (options.sockets == 0 || options.window == 0 || options.server.sin_port == 0) Fail("zero");
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  Options options = Parse(argc, argv);
  std::vector<unsigned char> bytes = Read(options.file);
  std::vector<std::vector<Record>> records(options.sockets);
  for (size_t at = 0; at + kHeaderBytes <= bytes.size();) {
    unsigned source = bytes[at] | bytes[at + 1] << 8;
    size_t length = bytes[at + 2] | bytes[at + 3] << 8;
    if (at + kHeaderBytes + length > bytes.size()) Fail("a record that is cut");
    records[source % options.sockets].push_back({source, &bytes[at + kHeaderBytes], length});
    at += kHeaderBytes + length;
  }
  std::vector<std::unique_ptr<Socket>> sockets;
  for (unsigned i = 0; i < options.sockets; i++) {
    sockets.push_back(std::make_unique<Socket>(options, i, std::move(records[i])));
  }
  uint64_t begin = NowNs();
  uint64_t end = begin + static_cast<uint64_t>(options.seconds * kSecondNs);
  auto finished = [](const auto& socket) { return socket->finished(); };
  for (uint64_t now = begin; now < end; now = NowNs()) {
    for (auto& socket : sockets) {
      socket->Receive(now);
      socket->Send(now);
    }
    if (std::all_of(sockets.begin(), sockets.end(), finished)) break;
  }
  double seconds = static_cast<double>(NowNs() - begin) / kSecondNs;
  uint64_t sent = 0, answers = 0, answer_bytes = 0, lost = 0;
  for (auto& socket : sockets) {
    sent += socket->sent();
    answers += socket->answers();
    answer_bytes += socket->answer_bytes();
    lost += socket->lost();
  }
  printf("{\"seconds\":%.4f,\"perSecond\":%.1f,\"sent\":%lu,\"answers\":%lu,\"answerBytes\":%lu,\"lost\":%lu}\n",
         seconds, static_cast<double>(answers) / seconds, sent, answers, answer_bytes, lost);
  return 0;
}
