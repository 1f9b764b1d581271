#include "datagram-slots.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#include <algorithm>

namespace wg_rendezvous {

namespace {

constexpr size_t kPort = 4;
constexpr size_t kLocal = 5;
constexpr size_t kInterface = 9;

// What the kernel takes at once (UDP_MAX_SEGMENTS until 6.7), and what fits a datagram of either
// family together.
constexpr size_t kMaxSegments = 64;
constexpr size_t kMaxRunBytes = 65487;

// Larger datagrams may need fragments, which segments cannot be made into.
constexpr size_t kMaxSegment = 1472;

// Batches without segments after a refusal, which would otherwise cost each of them a system call.
constexpr unsigned kBatchesApart = 1000;

// Segments exceed the MTU (EMSGSIZE, before Linux 6.14 EINVAL), or the device has no checksum offload
// (EIO). Other errors meet the datagrams one by one as well.
bool IsSegmentRefusal(int error) { return error == EMSGSIZE || error == EINVAL || error == EIO; }

// A full send queue. It is one for the whole socket, so later datagrams of the batch would meet the
// same, wherever they go. What keeps it from being filled by those that the kernel cannot deliver is
// its size (SEND_BUFFER_BYTES in src/socket/batch-interface.ts).
bool IsQueueFull(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM;
}

bool IsDescriptorUnusable(int error) { return error == EBADF || error == ENOTSOCK; }

}  // namespace

// What recvmmsg or sendmmsg is given. What points from one array into another never moves, and is
// set once: a call fills in what differs from datagram to datagram.
struct DatagramSlots::Messages {
  union Name {
    sockaddr_in6 v6;
    sockaddr_in v4;
  };
  // Room for a destination address and a segment size.
  struct alignas(cmsghdr) Control {
    char bytes[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
  };

  Messages(bool is_v4, bool with_control)
      : name_length(is_v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)) {
    for (size_t i = 0; i < kMaxSlots; i++) {
      names[i].v6.sin6_family = is_v4 ? AF_INET : AF_INET6;
      msghdr& header = headers[i].msg_hdr;
      header.msg_name = &names[i];
      header.msg_iov = &vectors[i];
      header.msg_iovlen = 1;
      if (with_control) header.msg_control = &controls[i];
      Reset(i);
    }
  }

  // Puts back the lengths of buffers, which the kernel replaces by what it filled.
  void Reset(size_t i) {
    msghdr& header = headers[i].msg_hdr;
    header.msg_namelen = name_length;
    if (header.msg_control != nullptr) header.msg_controllen = sizeof(Control);
  }

  const socklen_t name_length;
  mmsghdr headers[kMaxSlots] = {};
  iovec vectors[kMaxSlots] = {};
  Name names[kMaxSlots] = {};
  Control controls[kMaxSlots] = {};
};

DatagramSlots::DatagramSlots(bool is_v4, bool wildcard, const void* local, bool segments)
    : v4_(is_v4),
      wildcard_(wildcard),
      segments_(segments),
      incoming_(new Messages(is_v4, wildcard)),
      outgoing_(new Messages(is_v4, wildcard)) {
  memcpy(local_, local, is_v4 ? sizeof(in_addr) : sizeof(in6_addr));
}

DatagramSlots::~DatagramSlots() = default;

int DatagramSlots::Receive(int fd, const Slots& slots) {
  for (size_t i = 0; i < slots.count; i++) {
    incoming_->vectors[i] = {slots.payload + i * slots.stride, slots.stride};
  }
  int count;
  do {
    count = recvmmsg(fd, incoming_->headers, static_cast<unsigned>(slots.count), MSG_DONTWAIT,
                     nullptr);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
  for (size_t i = 0; i < static_cast<size_t>(count); i++) {
    StoreReceived(slots, i);
    incoming_->Reset(i);
  }
  return count;
}

void DatagramSlots::StoreReceived(const Slots& slots, size_t slot) {
  const Messages::Name& name = incoming_->names[slot];
  msghdr& header = incoming_->headers[slot].msg_hdr;
  uint32_t* words = slots.addresses + slot * kAddressWords;

  const bool cut = (header.msg_flags & MSG_TRUNC) != 0;
  slots.lengths[slot] =
      static_cast<int32_t>(cut ? slots.stride + 1 : incoming_->headers[slot].msg_len);
  memset(words, 0, kAddressWords * sizeof(uint32_t));
  if (v4_) {
    words[0] = name.v4.sin_addr.s_addr;
    words[kPort] = ntohs(name.v4.sin_port);
  } else {
    memcpy(words, &name.v6.sin6_addr, sizeof(in6_addr));
    words[kPort] = ntohs(name.v6.sin6_port);
    words[kInterface] = name.v6.sin6_scope_id;
  }
  memcpy(words + kLocal, local_, sizeof(local_));

  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof(info));
      // The address to answer from, which for a broadcast is not the one it was sent to.
      words[kLocal] = info.ipi_spec_dst.s_addr;
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof(info));
      memcpy(words + kLocal, &info.ipi6_addr, sizeof(info.ipi6_addr));
      words[kInterface] = info.ipi6_ifindex;
    }
  }
}

int DatagramSlots::Send(int fd, const Slots& slots) {
  const size_t total = PrepareSend(slots);
  size_t done = 0;
  int sent = 0;
  while (done < total) {
    const int count =
        sendmmsg(fd, outgoing_->headers + done, static_cast<unsigned>(total - done), MSG_DONTWAIT);
    if (count > 0) {
      for (int i = 0; i < count; i++) {
        sent += static_cast<int>(outgoing_->headers[done++].msg_hdr.msg_iovlen);
      }
    } else if (count < 0 && errno != EINTR) {
      if (IsDescriptorUnusable(errno)) return -1;
      if (IsQueueFull(errno)) break;
      const msghdr& message = outgoing_->headers[done].msg_hdr;
      if (message.msg_iovlen > 1 && IsSegmentRefusal(errno)) sent += SendApart(fd, message);
      // This one cannot be sent (unreachable, forbidden, no such port): the others may.
      done++;
    }
  }
  return sent;
}

// Sends each segment as a datagram of its own; returns how many the kernel took.
int DatagramSlots::SendApart(int fd, msghdr message) {
  apart_ = kBatchesApart;
  const size_t count = message.msg_iovlen;
  message.msg_iovlen = 1;
  message.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
  int sent = 0;
  for (size_t i = 0; i < count; i++, message.msg_iov++) {
    ssize_t length;
    do {
      length = sendmsg(fd, &message, MSG_DONTWAIT);
    } while (length < 0 && errno == EINTR);
    if (length >= 0) sent++;
  }
  return sent;
}

size_t DatagramSlots::PrepareSend(const Slots& slots) {
  const bool apart = !segments_ || apart_ > 0;
  if (apart_ > 0) apart_--;
  size_t total = 0;
  size_t vectors = 0;
  const uint32_t* run_words = nullptr;
  for (size_t i = 0; i < slots.count; i++) {
    const int32_t length = slots.lengths[i];
    if (length < 0 || static_cast<size_t>(length) > slots.stride) continue;
    const uint32_t* words = slots.addresses + i * kAddressWords;
    if (words[kPort] > UINT16_MAX) continue;
    iovec* vector = &outgoing_->vectors[vectors++];
    *vector = {slots.payload + i * slots.stride, static_cast<size_t>(length)};
    if (!apart && total > 0) {
      msghdr& run = outgoing_->headers[total - 1].msg_hdr;
      if (Extends(run, run_words, words, vector->iov_len)) {
        if (run.msg_iovlen++ == 1) SetSegmentSize(total - 1);
        continue;
      }
    }
    run_words = words;
    msghdr& header = outgoing_->headers[total].msg_hdr;
    header.msg_iov = vector;
    header.msg_iovlen = 1;
    if (!wildcard_) {
      header.msg_control = nullptr;
      header.msg_controllen = 0;
    }
    Messages::Name& name = outgoing_->names[total];
    if (v4_) {
      name.v4.sin_port = htons(static_cast<uint16_t>(words[kPort]));
      name.v4.sin_addr.s_addr = words[0];
    } else {
      name.v6.sin6_port = htons(static_cast<uint16_t>(words[kPort]));
      memcpy(&name.v6.sin6_addr, words, sizeof(in6_addr));
      name.v6.sin6_scope_id = IN6_IS_ADDR_LINKLOCAL(&name.v6.sin6_addr) ? words[kInterface] : 0;
    }
    if (wildcard_) SetLocal(&header, words);
    total++;
  }
  return total;
}

// Whether a datagram can follow those of a message as a further segment: all but the last have one size.
bool DatagramSlots::Extends(const msghdr& run, const uint32_t* run_words, const uint32_t* words,
                            size_t length) const {
  const size_t size = run.msg_iov[0].iov_len;
  return length > 0 && length <= size && size <= kMaxSegment &&
         run.msg_iov[run.msg_iovlen - 1].iov_len == size && run.msg_iovlen < kMaxSegments &&
         run.msg_iovlen * size + length <= kMaxRunBytes &&
         memcmp(run_words, words, kAddressWords * sizeof(uint32_t)) == 0;
}

// Adds the size of the first segment behind the local address, if there is one.
void DatagramSlots::SetSegmentSize(size_t message) {
  msghdr& header = outgoing_->headers[message].msg_hdr;
  char* bytes = outgoing_->controls[message].bytes;
  const auto size = static_cast<uint16_t>(header.msg_iov[0].iov_len);
  header.msg_control = bytes;
  auto* control = reinterpret_cast<cmsghdr*>(bytes + header.msg_controllen);
  control->cmsg_level = IPPROTO_UDP;
  control->cmsg_type = UDP_SEGMENT;
  control->cmsg_len = CMSG_LEN(sizeof(size));
  memcpy(CMSG_DATA(control), &size, sizeof(size));
  header.msg_controllen += CMSG_SPACE(sizeof(size));
}

void DatagramSlots::SetLocal(msghdr* header, const uint32_t* words) {
  auto* control = static_cast<cmsghdr*>(header->msg_control);
  if (v4_) {
    // The interface stays 0: the route is chosen by the routing table, not by where it came in.
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = words[kLocal];
    control->cmsg_level = IPPROTO_IP;
    control->cmsg_type = IP_PKTINFO;
    control->cmsg_len = CMSG_LEN(sizeof(info));
    memcpy(CMSG_DATA(control), &info, sizeof(info));
    header->msg_controllen = CMSG_SPACE(sizeof(info));
    return;
  }
  in6_pktinfo info{};
  memcpy(&info.ipi6_addr, words + kLocal, sizeof(info.ipi6_addr));
  if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) info.ipi6_ifindex = words[kInterface];
  control->cmsg_level = IPPROTO_IPV6;
  control->cmsg_type = IPV6_PKTINFO;
  control->cmsg_len = CMSG_LEN(sizeof(info));
  memcpy(CMSG_DATA(control), &info, sizeof(info));
  header->msg_controllen = CMSG_SPACE(sizeof(info));
}

}  // namespace wg_rendezvous
