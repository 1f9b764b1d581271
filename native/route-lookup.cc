#include "route-lookup.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace wg_rendezvous {

namespace {

// The kernel answers within the call to send(), so this limit is never reached.
constexpr timeval kTimeout{0, 100000};

struct Request {
  nlmsghdr header;
  rtmsg route;
  char attributes[128];
};

void AddAttribute(Request* request, uint16_t type, const void* data, size_t length) {
  auto* attribute = reinterpret_cast<rtattr*>(reinterpret_cast<char*>(request) +
                                              NLMSG_ALIGN(request->header.nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = static_cast<uint16_t>(RTA_LENGTH(length));
  memcpy(RTA_DATA(attribute), data, length);
  request->header.nlmsg_len =
      NLMSG_ALIGN(request->header.nlmsg_len) + static_cast<uint32_t>(RTA_ALIGN(attribute->rta_len));
}

// 0, or the errno in the answer.
int ReadAnswer(const char* buffer, size_t length, uint32_t sequence, Route* route) {
  const auto* header = reinterpret_cast<const nlmsghdr*>(buffer);
  if (!NLMSG_OK(header, length) || header->nlmsg_seq != sequence) return EPROTO;
  if (header->nlmsg_type == NLMSG_ERROR) {
    const int error = static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
    return error == 0 ? EPROTO : -error;
  }
  if (header->nlmsg_type != RTM_NEWROUTE) return EPROTO;
  const auto* answer = static_cast<const rtmsg*>(NLMSG_DATA(header));
  int left = static_cast<int>(RTM_PAYLOAD(header));
  *route = Route{};
  for (const rtattr* attribute = RTM_RTA(answer); RTA_OK(attribute, left);
       attribute = RTA_NEXT(attribute, left)) {
    const size_t size = RTA_PAYLOAD(attribute);
    if (attribute->rta_type == RTA_OIF && size == sizeof(route->interface_index)) {
      memcpy(&route->interface_index, RTA_DATA(attribute), size);
    } else if (attribute->rta_type == RTA_PREFSRC && size <= sizeof(route->source)) {
      memcpy(route->source, RTA_DATA(attribute), size);
    }
  }
  return 0;
}

}  // namespace

int RouteLookup::Open() {
  fd_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd_ < 0) return errno;
  return setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kTimeout, sizeof(kTimeout)) == 0 ? 0 : errno;
}

void RouteLookup::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

int RouteLookup::Find(const Flow& flow, Route* route) {
  const SocketAddress& to = flow.destination;
  Request request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(rtmsg));
  request.header.nlmsg_type = RTM_GETROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.header.nlmsg_seq = ++sequence_;
  request.route.rtm_family = to.is_v4() ? AF_INET : AF_INET6;
  request.route.rtm_dst_len = static_cast<uint8_t>(8 * to.bytes_length());
  AddAttribute(&request, RTA_DST, to.bytes(), to.bytes_length());
  const uint8_t protocol = IPPROTO_UDP;
  const uint16_t source_port = htons(flow.source_port);
  const uint16_t destination_port = htons(flow.destination_port);
  AddAttribute(&request, RTA_IP_PROTO, &protocol, sizeof(protocol));
  if (source_port != 0) AddAttribute(&request, RTA_SPORT, &source_port, sizeof(source_port));
  if (destination_port != 0) {
    AddAttribute(&request, RTA_DPORT, &destination_port, sizeof(destination_port));
  }
  if (flow.mark != 0) AddAttribute(&request, RTA_MARK, &flow.mark, sizeof(flow.mark));
  if (!to.is_v4() && to.v6().sin6_scope_id != 0) {
    const uint32_t scope = to.v6().sin6_scope_id;
    AddAttribute(&request, RTA_OIF, &scope, sizeof(scope));
  }
  if (send(fd_, &request, request.header.nlmsg_len, 0) < 0) return errno;

  alignas(nlmsghdr) char buffer[4096];
  ssize_t length;
  do {
    length = recv(fd_, buffer, sizeof(buffer), 0);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return errno;
  return ReadAnswer(buffer, static_cast<size_t>(length), request.header.nlmsg_seq, route);
}

}  // namespace wg_rendezvous
