// A UDP socket that sends by the batch from several loopback addresses, as the load generators need it.
#ifndef WG_RENDEZVOUS_BENCH_SOURCE_SOCKET_H_
#define WG_RENDEZVOUS_BENCH_SOURCE_SOCKET_H_

#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

constexpr uint64_t kSecondNs = 1'000'000'000;

inline uint64_t NowNs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * kSecondNs + static_cast<uint64_t>(t.tv_nsec);
}

// kBatch datagrams at once, and replies of up to kReplySpace bytes.
template <unsigned kBatch, size_t kReplySpace>
class SourceSocket {
 public:
  SourceSocket(const sockaddr_in& server, unsigned port) : server_(server) {
    fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in self{};
    self.sin_family = AF_INET;
    self.sin_port = htons(static_cast<uint16_t>(port));
    if (fd_ < 0 || bind(fd_, reinterpret_cast<sockaddr*>(&self), sizeof self) != 0) {
      perror("bind");
      exit(1);
    }
    int buffer = 4 << 20;
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    for (unsigned i = 0; i < kBatch; i++) {
      msghdr& out = out_[i].msg_hdr;
      out = {};
      out.msg_name = &server_;
      out.msg_namelen = sizeof server_;
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
      in_[i].msg_hdr.msg_name = &from_[i];
    }
  }

  SourceSocket(const SourceSocket&) = delete;
  SourceSocket& operator=(const SourceSocket&) = delete;

  // Datagram i of the next batch; the address, in network order, is one of loopback's.
  void Put(unsigned i, const unsigned char* bytes, size_t length, uint32_t source) {
    out_iov_[i] = {const_cast<unsigned char*>(bytes), length};
    auto* info = reinterpret_cast<in_pktinfo*>(CMSG_DATA(CMSG_FIRSTHDR(&out_[i].msg_hdr)));
    info->ipi_spec_dst.s_addr = source;
  }

  void Send(unsigned count) {
    for (unsigned sent = 0; sent < count;) {
      int n = sendmmsg(fd_, out_ + sent, count - sent, 0);
      sent += n > 0 ? static_cast<unsigned>(n) : 0;  // the queue to loopback empties by itself
    }
  }

  // Calls take(bytes, length, now) for each reply of the server that waits.
  template <typename Take>
  void Receive(Take take) {
    for (int n = kBatch; n == static_cast<int>(kBatch);) {
      for (mmsghdr& in : in_) in.msg_hdr.msg_namelen = sizeof(sockaddr_in);
      n = recvmmsg(fd_, in_, kBatch, 0, nullptr);
      uint64_t now = n > 0 ? NowNs() : 0;
      for (int i = 0; i < n; i++) {
        // A slow server may still answer the run before, which had the same ports.
        if (from_[i].sin_port == server_.sin_port) take(replies_[i], in_[i].msg_len, now);
      }
    }
  }

 private:
  sockaddr_in server_;
  int fd_ = -1;
  mmsghdr out_[kBatch], in_[kBatch];
  iovec out_iov_[kBatch], in_iov_[kBatch];
  sockaddr_in from_[kBatch];
  unsigned char replies_[kBatch][kReplySpace];
  alignas(cmsghdr) unsigned char control_[kBatch][CMSG_SPACE(sizeof(in_pktinfo))];
};

#endif  // WG_RENDEZVOUS_BENCH_SOURCE_SOCKET_H_
