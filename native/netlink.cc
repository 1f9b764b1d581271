#include "netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace wg_rendezvous {

namespace {

// The kernel answers within the call to send(), so this limit is never reached.
constexpr timeval kTimeout{0, 100000};

}  // namespace

nlattr* AddAttribute(nlmsghdr* request, uint16_t type, const void* data, size_t length) {
  auto* attribute = reinterpret_cast<nlattr*>(reinterpret_cast<char*>(request) +
                                              NLMSG_ALIGN(request->nlmsg_len));
  attribute->nla_type = type;
  attribute->nla_len = static_cast<uint16_t>(NLA_HDRLEN + length);
  if (length > 0) memcpy(reinterpret_cast<char*>(attribute) + NLA_HDRLEN, data, length);
  request->nlmsg_len = NLMSG_ALIGN(request->nlmsg_len) + NLA_ALIGN(attribute->nla_len);
  return attribute;
}

AttributeData FindAttribute(AttributeData from, uint16_t type) {
  while (from.length >= NLA_HDRLEN) {
    const auto* attribute = reinterpret_cast<const nlattr*>(from.bytes);
    if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > from.length) break;
    if ((attribute->nla_type & NLA_TYPE_MASK) == type) {
      return {from.bytes + NLA_HDRLEN, static_cast<size_t>(attribute->nla_len - NLA_HDRLEN)};
    }
    const size_t step = NLA_ALIGN(attribute->nla_len);
    if (step > from.length) break;
    from = {from.bytes + step, from.length - step};
  }
  return {};
}

int NetlinkSocket::Open(int protocol) {
  fd_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd_ < 0) return errno;
  return setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kTimeout, sizeof(kTimeout)) == 0 ? 0 : errno;
}

void NetlinkSocket::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

int NetlinkSocket::Ask(nlmsghdr* request, NetlinkAnswer* answer) {
  request->nlmsg_flags |= NLM_F_REQUEST;
  request->nlmsg_seq = ++sequence_;
  if (send(fd_, request, request->nlmsg_len, 0) < 0) return errno;
  ssize_t length;
  do {
    length = recv(fd_, answer->buffer_, sizeof(answer->buffer_), 0);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return errno;
  const nlmsghdr* header = answer->header();
  if (!NLMSG_OK(header, static_cast<size_t>(length)) || header->nlmsg_seq != sequence_) {
    return EPROTO;
  }
  if (header->nlmsg_type != NLMSG_ERROR) return 0;
  const auto* error = answer->fixed<nlmsgerr>();
  return error == nullptr ? EPROTO : -error->error;
}

}  // namespace wg_rendezvous
