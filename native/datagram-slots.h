#ifndef WG_RENDEZVOUS_DATAGRAM_SLOTS_H_
#define WG_RENDEZVOUS_DATAGRAM_SLOTS_H_

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <memory>

namespace wg_rendezvous {

// The caller's memory, valid for one call only. Slot i is:
//   payload[i * stride ..]       the datagram
//   lengths[i]                   received: its bytes, or stride + 1 where it did not fit and was cut;
//                                to send: its bytes, where anything outside 0..stride is not sent
//   addresses[i * 10 + 0..3]     remote address in network order (IPv4 in the first word, then 0)
//   addresses[i * 10 + 4]        remote port
//   addresses[i * 10 + 5..8]     local address, likewise
//   addresses[i * 10 + 9]        IPv6: interface of a link-local address
struct Slots {
  uint8_t* payload;
  size_t stride;
  int32_t* lengths;
  uint32_t* addresses;
  size_t count;
};

constexpr size_t kAddressWords = 10;
constexpr size_t kMaxSlots = 256;

// The structures that recvmmsg and sendmmsg work on, allocated once.
class DatagramSlots {
 public:
  // local is what the socket is bound to. On the wildcard address the local address of each
  // datagram is received and sent as a control message; else it is this one, and no control
  // message is the faster way. With segments, datagrams of one size to one destination that follow
  // each other are passed to the kernel as one message, which it takes apart (UDP_SEGMENT).
  DatagramSlots(bool is_v4, bool wildcard, const void* local, bool segments);

  // Returns the number of slots filled, 0 when the queue is empty, -1 with errno set.
  int Receive(int fd, const Slots& slots);

  // Returns the number of datagrams that the kernel took, -1 with errno set when fd is unusable.
  int Send(int fd, const Slots& slots);

 private:
  struct Messages;

  void StoreReceived(const Slots& slots, size_t slot);
  size_t PrepareSend(const Slots& slots);
  bool Extends(const msghdr& run, const uint32_t* run_words, const uint32_t* words,
               size_t length) const;
  int SendApart(int fd, msghdr message);
  void SetLocal(msghdr* header, const uint32_t* words);
  void SetSegmentSize(size_t message);

  bool v4_;
  bool wildcard_;
  bool segments_;
  // Batches to send as they are, since the kernel refused segments.
  unsigned apart_ = 0;
  uint32_t local_[4] = {};
  std::unique_ptr<Messages> incoming_;
  std::unique_ptr<Messages> outgoing_;

 public:
  ~DatagramSlots();
};

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_DATAGRAM_SLOTS_H_
