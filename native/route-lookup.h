#ifndef WG_RENDEZVOUS_ROUTE_LOOKUP_H_
#define WG_RENDEZVOUS_ROUTE_LOOKUP_H_

#include <stdint.h>

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

// A netlink socket (NETLINK_ROUTE) in the network namespace in which it was opened.
class RouteLookup {
 public:
  RouteLookup() = default;
  ~RouteLookup() { Close(); }
  RouteLookup(const RouteLookup&) = delete;
  RouteLookup& operator=(const RouteLookup&) = delete;

  // 0, or errno.
  int Open();
  void Close();

  // Asks the kernel for the route of the flow (RTM_GETROUTE). Rules that choose by protocol and port
  // apply, which they do not to the packets of a raw socket. 0, or errno: ENETUNREACH without a route.
  int Find(const Flow& flow, Route* route);

 private:
  int fd_ = -1;
  uint32_t sequence_ = 0;
};

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_ROUTE_LOOKUP_H_
