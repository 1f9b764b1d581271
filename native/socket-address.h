#ifndef WG_RENDEZVOUS_SOCKET_ADDRESS_H_
#define WG_RENDEZVOUS_SOCKET_ADDRESS_H_

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

namespace wg_rendezvous {

// A sockaddr_in or sockaddr_in6.
class SocketAddress {
 public:
  // bytes is the address in network order. False when it is not of the family's length.
  bool Set(int family, const uint8_t* bytes, size_t length, uint16_t port, uint32_t scope_id) {
    *this = SocketAddress();
    if (family == AF_INET && length == sizeof(in_addr)) {
      v4_.sin_family = AF_INET;
      v4_.sin_port = htons(port);
      memcpy(&v4_.sin_addr, bytes, length);
      return true;
    }
    if (family == AF_INET6 && length == sizeof(in6_addr)) {
      v6_.sin6_family = AF_INET6;
      v6_.sin6_port = htons(port);
      v6_.sin6_scope_id = scope_id;
      memcpy(&v6_.sin6_addr, bytes, length);
      return true;
    }
    return false;
  }

  ::sockaddr* sockaddr() { return reinterpret_cast<::sockaddr*>(&v6_); }
  socklen_t length() const { return is_v4() ? sizeof(v4_) : sizeof(v6_); }
  socklen_t capacity() const { return sizeof(v6_); }

  bool is_v4() const { return v4_.sin_family == AF_INET; }
  const sockaddr_in& v4() const { return v4_; }
  const sockaddr_in6& v6() const { return v6_; }

  // The address alone, in network order.
  const void* bytes() const {
    return is_v4() ? static_cast<const void*>(&v4_.sin_addr) : &v6_.sin6_addr;
  }
  size_t bytes_length() const { return is_v4() ? sizeof(in_addr) : sizeof(in6_addr); }

 private:
  union {
    sockaddr_in6 v6_{};
    sockaddr_in v4_;
  };
};

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_SOCKET_ADDRESS_H_
