#ifndef WG_RENDEZVOUS_NETLINK_H_
#define WG_RENDEZVOUS_NETLINK_H_

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

namespace wg_rendezvous {

// Appends an attribute to a request, whose buffer must have room for it. The data may be empty.
nlattr* AddAttribute(nlmsghdr* request, uint16_t type, const void* data, size_t length);

// The bytes of an attribute in an answer.
struct AttributeData {
  const char* bytes = nullptr;
  size_t length = 0;
};

// The attribute of a type among those in `from`; without bytes if there is none.
AttributeData FindAttribute(AttributeData from, uint16_t type);

// The kernel's answer to a request.
class NetlinkAnswer {
 public:
  uint16_t type() const { return header()->nlmsg_type; }

  // The fixed part of the message; nullptr if the message is shorter.
  template <typename Fixed>
  const Fixed* fixed() const {
    if (header()->nlmsg_len < NLMSG_LENGTH(sizeof(Fixed))) return nullptr;
    return static_cast<const Fixed*>(NLMSG_DATA(header()));
  }

  // What follows the fixed part.
  template <typename Fixed>
  AttributeData attributes() const {
    const size_t begin = NLMSG_SPACE(sizeof(Fixed));
    const size_t end = header()->nlmsg_len;
    return begin < end ? AttributeData{buffer_ + begin, end - begin} : AttributeData{};
  }

 private:
  friend class NetlinkSocket;
  const nlmsghdr* header() const { return reinterpret_cast<const nlmsghdr*>(buffer_); }

  // The largest answer, that about an interface with many virtual functions, is a few KiB.
  alignas(nlmsghdr) char buffer_[16384];
};

// A netlink socket in the network namespace in which it was opened. It asks one question at a time.
class NetlinkSocket {
 public:
  NetlinkSocket() = default;
  ~NetlinkSocket() { Close(); }
  NetlinkSocket(const NetlinkSocket&) = delete;
  NetlinkSocket& operator=(const NetlinkSocket&) = delete;

  // Opens it for a protocol, such as NETLINK_ROUTE. 0, or errno.
  int Open(int protocol);
  void Close();

  // Sends a request and receives its answer, or the acknowledgement (NLMSG_ERROR) if it asks for one.
  // 0, or errno: the kernel's, or EPROTO if what came is no answer to this request.
  int Ask(nlmsghdr* request, NetlinkAnswer* answer);

 private:
  int fd_ = -1;
  uint32_t sequence_ = 0;
};

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_NETLINK_H_
