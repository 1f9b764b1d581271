#ifndef WG_RENDEZVOUS_ROUTE_LOOKUP_H_
#define WG_RENDEZVOUS_ROUTE_LOOKUP_H_

#include <stdint.h>

#include "netlink.h"
#include "socket-address.h"

namespace wg_rendezvous {

// A UDP flow to look up a route for.
struct Flow {
  SocketAddress destination;
  uint16_t source_port;
  uint16_t destination_port;
  uint32_t mark;
};

// Where its packets leave.
struct Route {
  // In network order: 4 or 16 bytes, as the destination. Zero where the kernel names none.
  uint8_t source[16];
  uint32_t interface_index;
};

// Looks up routes in the network namespace in which it was opened.
class RouteLookup {
 public:
  // 0, or errno.
  int Open();
  void Close();

  // Asks the kernel for the route of the flow (RTM_GETROUTE). Rules that choose by protocol and port
  // apply, which they do not to the packets of a raw socket. 0, or errno: ENETUNREACH without a route.
  int Find(const Flow& flow, Route* route);

 private:
  NetlinkSocket netlink_;
};

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_ROUTE_LOOKUP_H_
