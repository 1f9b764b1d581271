// Sends datagrams that were prepared, and counts what comes back.
//   replay --server ADDRESS:PORT --file FILE [--seconds S] [--sockets K] [--first-port P] [--window W]
//
// The file holds records of `source[2] length[2] datagram`, numbers little-endian. Source s sends from
// port P + s % K of 127.0.1.(1 + s / K). Each socket keeps W datagrams in flight, each
// datagram that comes back makes room for another; what is not answered for a second is lost and counted.
// One line of JSON on stdout.
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
constexpr size_t kReplySpace = 1280;
constexpr size_t kHeaderBytes = 4;

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

class Socket {
 public:
  Socket(const Options& options, unsigned number, std::vector<Record> records)
      : options_(options),
        records_(std::move(records)),
        socket_(options.server, options.first_port + number) {}

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
      socket_.Put(i, record.bytes, record.length, htonl(0x7f000101u + record.source / options_.sockets));
    }
    socket_.Send(count);
    next_ += count;
    in_flight_ += count;
  }

  void Receive(uint64_t now) {
    socket_.Receive([this](const unsigned char*, unsigned length, uint64_t now) {
      answers_++;
      answer_bytes_ += length;
      in_flight_ -= in_flight_ > 0;
      last_ = now;
    });
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
  SourceSocket<kBatch, kReplySpace> socket_;
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
