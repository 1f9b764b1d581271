#include "route-lookup.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>

namespace wg_rendezvous {

namespace {

struct Request {
  nlmsghdr header;
  rtmsg route;
  char attributes[128];
};

Route RouteIn(const NetlinkAnswer& answer) {
  const AttributeData attributes = answer.attributes<rtmsg>();
  const AttributeData interface = FindAttribute(attributes, RTA_OIF);
  const AttributeData source = FindAttribute(attributes, RTA_PREFSRC);
  Route route{};
  if (interface.length == sizeof(route.interface_index)) {
    memcpy(&route.interface_index, interface.bytes, interface.length);
  }
  if (source.bytes != nullptr && source.length <= sizeof(route.source)) {
    memcpy(route.source, source.bytes, source.length);
  }
  return route;
}

}  // namespace

int RouteLookup::Open() { return netlink_.Open(NETLINK_ROUTE); }

void RouteLookup::Close() { netlink_.Close(); }

int RouteLookup::Find(const Flow& flow, Route* route) {
  const SocketAddress& to = flow.destination;
  Request request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(rtmsg));
  request.header.nlmsg_type = RTM_GETROUTE;
  request.route.rtm_family = to.is_v4() ? AF_INET : AF_INET6;
  request.route.rtm_dst_len = static_cast<uint8_t>(8 * to.bytes_length());
  AddAttribute(&request.header, RTA_DST, to.bytes(), to.bytes_length());
  const uint8_t protocol = IPPROTO_UDP;
  const uint16_t source_port = htons(flow.source_port);
  const uint16_t destination_port = htons(flow.destination_port);
  AddAttribute(&request.header, RTA_IP_PROTO, &protocol, sizeof(protocol));
  if (source_port != 0) AddAttribute(&request.header, RTA_SPORT, &source_port, sizeof(source_port));
  if (destination_port != 0) {
    AddAttribute(&request.header, RTA_DPORT, &destination_port, sizeof(destination_port));
  }
  if (flow.mark != 0) AddAttribute(&request.header, RTA_MARK, &flow.mark, sizeof(flow.mark));
  if (!to.is_v4() && to.v6().sin6_scope_id != 0) {
    const uint32_t scope = to.v6().sin6_scope_id;
    AddAttribute(&request.header, RTA_OIF, &scope, sizeof(scope));
  }
  NetlinkAnswer answer;
  const int error = netlink_.Ask(&request.header, &answer);
  if (error != 0) return error;
  if (answer.type() != RTM_NEWROUTE) return EPROTO;
  *route = RouteIn(answer);
  return 0;
}

}  // namespace wg_rendezvous
