#ifndef WG_RENDEZVOUS_UDP_DESCRIPTOR_H_
#define WG_RENDEZVOUS_UDP_DESCRIPTOR_H_

#include <napi.h>

#include <string>

#include "socket-address.h"

namespace wg_rendezvous {

// Sizes of a socket's queues (SO_RCVBUF, SO_SNDBUF); 0 leaves the system's.
struct BufferBytes {
  int receive;
  int send;
};

// Where datagrams leave and arrive; interface as below, mark for SO_MARK, 0 for none.
struct Path {
  std::string interface;
  uint32_t mark;
  bool fragments = false;
};

// Opens a non-blocking UDP socket bound to an address, with the options that a batch needs: the
// destination address of each datagram (only on the wildcard address, elsewhere it is known), the
// count of drops, and buffers. Throws a system error and returns -1.
//
// path.interface, where not empty: only datagrams that arrive through it are received, and the others go
// out through it (SO_BINDTODEVICE).
//
// path.fragments: what exceeds the MTU is sent in fragments; otherwise it is not sent at all.
//
// SO_REUSEADDR stays off: a port in use must be an error.
int OpenUdpDescriptor(Napi::Env env, SocketAddress* address, const BufferBytes& buffers,
                      const Path& path);

// Whether the address is 0.0.0.0 or ::.
bool IsWildcard(const SocketAddress& address);

// SO_RCVBUF and SO_SNDBUF as the kernel granted them (it doubles the requested size); 0 when they
// cannot be read.
BufferBytes GrantedBuffers(int fd);

// Datagrams dropped by the socket since it opened, modulo 2^32; false when it cannot be read.
bool ReadDrops(int fd, uint32_t* drops);

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_UDP_DESCRIPTOR_H_
