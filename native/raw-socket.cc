#include "raw-socket.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket-address.h"
#include "system-error.h"

// Of linux/in.h and linux/in6.h, which cannot be included beside netinet/in.h.
#ifndef IP_RECVFRAGSIZE
#define IP_RECVFRAGSIZE 25
#endif
#ifndef IPV6_RECVFRAGSIZE
#define IPV6_RECVFRAGSIZE 77
#endif

namespace wg_rendezvous {

namespace {

// Where the checksum stands in a UDP header (RFC 768).
constexpr int kUdpChecksumOffset = 6;

// Packets thrown away by one drain(), so that it ends even while packets keep coming.
constexpr int kDrainLimit = 1024;

bool SetOption(Napi::Env env, int fd, int level, int option, int value, const char* name) {
  if (setsockopt(fd, level, option, &value, sizeof(value)) == 0) return true;
  ThrowSystemError(env, errno, "setsockopt", name);
  return false;
}

// The kernel puts fragments together before a raw socket sees the packet: the size of the largest
// fragment, reported in a control message, is the only trace that is left of them.
bool SetOptions(Napi::Env env, int fd, int family) {
  if (family == AF_INET) {
    // Packets leave as WireGuard's own do: without DF (udp_tunnel_xmit_skb in the kernel's socket.c).
    return SetOption(env, fd, IPPROTO_IP, IP_RECVFRAGSIZE, 1, "IP_RECVFRAGSIZE") &&
           SetOption(env, fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, "IP_MTU_DISCOVER");
  }
  return SetOption(env, fd, IPPROTO_IPV6, IPV6_RECVFRAGSIZE, 1, "IPV6_RECVFRAGSIZE") &&
         SetOption(env, fd, IPPROTO_IPV6, IPV6_CHECKSUM, kUdpChecksumOffset, "IPV6_CHECKSUM");
}

bool IsFragmented(msghdr* message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(message); c != nullptr; c = CMSG_NXTHDR(message, c)) {
    if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVFRAGSIZE) ||
        (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVFRAGSIZE)) {
      return true;
    }
  }
  return false;
}

bool IsBytes(const Napi::Value& value) {
  return value.IsTypedArray() &&
         value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
}

}  // namespace

void RawSocket::Init(Napi::Env env, Napi::Object exports) {
  Properties properties = {
      InstanceMethod("attachFilter", &RawSocket::AttachFilter),
      InstanceMethod("drain", &RawSocket::Drain),
      InstanceMethod("setMark", &RawSocket::SetMark),
      InstanceMethod("send", &RawSocket::Send),
      InstanceMethod("findRoute", &RawSocket::FindRoute),
      InstanceMethod("receive", &RawSocket::Receive),
  };
  AddPollMethods(&properties);
  exports.Set("RawSocket", DefineClass(env, "RawSocket", properties));
}

RawSocket::RawSocket(const Napi::CallbackInfo& info) : PollWrap<RawSocket>(info) {
  Napi::Env env = info.Env();
  const int version = info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : 0;
  if (version != 4 && version != 6) {
    ThrowTypeError(env, "Expected the `family` to be 4 or 6");
    return;
  }
  family_ = version == 4 ? AF_INET : AF_INET6;
  const int fd = socket(family_, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
  if (fd < 0) {
    ThrowSystemError(env, errno, "socket");
    return;
  }
  if (!SetOptions(env, fd, family_)) {
    close(fd);
    return;
  }
  const int error = routes_.Open();
  if (error != 0) {
    ThrowSystemError(env, error, "socket", "NETLINK_ROUTE");
    close(fd);
    return;
  }
  handle_ = PollHandle::Open(env, fd, "WG_RENDEZVOUS_RAW_SOCKET");
}

void RawSocket::Close(const Napi::CallbackInfo& info) {
  routes_.Close();
  PollWrap<RawSocket>::Close(info);
}

void RawSocket::AttachFilter(const Napi::CallbackInfo& info) {
  if (!IsBytes(info[0])) return ThrowTypeError(info.Env(), "Expected the filter to be bytes");
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  const size_t length = bytes.ByteLength();
  const size_t count = length / sizeof(sock_filter);
  if (count == 0 || count > BPF_MAXINSNS || length % sizeof(sock_filter) != 0) {
    ThrowRangeError(info.Env(), "Expected the filter to be 1..4096 instructions of 8 bytes");
    return;
  }
  // Copied, because a view of bytes may start at any address, and instructions are aligned.
  sock_filter instructions[BPF_MAXINSNS];
  memcpy(instructions, bytes.Data(), length);
  sock_fprog program{};
  program.len = static_cast<unsigned short>(count);
  program.filter = instructions;
  if (setsockopt(fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
    ThrowSystemError(info.Env(), errno, "setsockopt", "SO_ATTACH_FILTER");
  }
}

Napi::Value RawSocket::Drain(const Napi::CallbackInfo& info) {
  int count = 0;
  while (count < kDrainLimit) {
    if (recv(fd(), nullptr, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0) {
      count++;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      ThrowSystemError(info.Env(), errno, "recv");
      return info.Env().Undefined();
    }
  }
  return Napi::Number::New(info.Env(), count);
}

void RawSocket::SetMark(const Napi::CallbackInfo& info) {
  if (!info[0].IsNumber()) return ThrowTypeError(info.Env(), "Expected the mark to be a number");
  const uint32_t mark = info[0].As<Napi::Number>().Uint32Value();
  if (setsockopt(fd(), SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) != 0) {
    return ThrowSystemError(info.Env(), errno, "setsockopt", "SO_MARK");
  }
  mark_ = mark;
}

Napi::Value RawSocket::FindRoute(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!IsBytes(info[0]) || !info[1].IsNumber() || !info[2].IsNumber() || !info[3].IsNumber()) {
    ThrowTypeError(env, "Expected (address bytes, scope id, source port, destination port)");
    return env.Undefined();
  }
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  Flow flow{};
  if (!flow.destination.Set(family_, bytes.Data(), bytes.ByteLength(), 0,
                            info[1].As<Napi::Number>().Uint32Value())) {
    ThrowTypeError(env, "Expected the address to be of the socket's family");
    return env.Undefined();
  }
  flow.source_port = static_cast<uint16_t>(info[2].As<Napi::Number>().Uint32Value());
  flow.destination_port = static_cast<uint16_t>(info[3].As<Napi::Number>().Uint32Value());
  // Without ports it is about any packet of this host, and those have no mark.
  flow.mark = flow.source_port == 0 && flow.destination_port == 0 ? 0 : mark_;
  Route route;
  const int error = routes_.Find(flow, &route);
  if (error != 0) {
    ThrowSystemError(env, error, "netlink", "RTM_GETROUTE");
    return env.Undefined();
  }
  Napi::Uint8Array source = Napi::Uint8Array::New(env, flow.destination.bytes_length());
  memcpy(source.Data(), route.source, source.ByteLength());
  Napi::Object found = Napi::Object::New(env);
  found.Set("source", source);
  found.Set("interfaceIndex", Napi::Number::New(env, route.interface_index));
  return found;
}

void RawSocket::Send(const Napi::CallbackInfo& info) {
  if (!IsBytes(info[0]) || !IsBytes(info[1]) || !info[2].IsNumber() || !IsBytes(info[3]) ||
      !info[4].IsNumber() || !(info[5].IsUndefined() || info[5].IsNumber())) {
    return ThrowTypeError(info.Env(), "Expected (datagram, address, scope id, source address, "
                                      "interface index[, hop limit])");
  }
  Napi::Uint8Array datagram = info[0].As<Napi::Uint8Array>();
  const Napi::Uint8Array bytes = info[1].As<Napi::Uint8Array>();
  const Napi::Uint8Array source_bytes = info[3].As<Napi::Uint8Array>();
  const uint32_t interface_index = info[4].As<Napi::Number>().Uint32Value();
  const int hop_limit = info[5].IsNumber() ? info[5].As<Napi::Number>().Int32Value() : 0;
  SocketAddress address;
  SocketAddress source;
  // Port 0: on a raw socket the field means the protocol.
  if (!address.Set(family_, bytes.Data(), bytes.ByteLength(), 0,
                   info[2].As<Napi::Number>().Uint32Value()) ||
      !source.Set(family_, source_bytes.Data(), source_bytes.ByteLength(), 0, 0)) {
    return ThrowTypeError(info.Env(), "Expected the addresses to be of the socket's family");
  }
  iovec vector{datagram.Data(), datagram.ByteLength()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_name = address.sockaddr();
  message.msg_namelen = address.length();
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (family_ == AF_INET) {
    in_pktinfo route{};
    route.ipi_ifindex = static_cast<int>(interface_index);
    route.ipi_spec_dst = source.v4().sin_addr;
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof(route));
    memcpy(CMSG_DATA(header), &route, sizeof(route));
  } else {
    in6_pktinfo route{};
    route.ipi6_ifindex = interface_index;
    route.ipi6_addr = source.v6().sin6_addr;
    header->cmsg_level = IPPROTO_IPV6;
    header->cmsg_type = IPV6_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof(route));
    memcpy(CMSG_DATA(header), &route, sizeof(route));
  }
  size_t control_length = CMSG_ALIGN(header->cmsg_len);
  if (hop_limit > 0) {
    header = CMSG_NXTHDR(&message, header);
    header->cmsg_level = family_ == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    header->cmsg_type = family_ == AF_INET ? IP_TTL : IPV6_HOPLIMIT;
    header->cmsg_len = CMSG_LEN(sizeof(hop_limit));
    memcpy(CMSG_DATA(header), &hop_limit, sizeof(hop_limit));
    control_length += CMSG_SPACE(sizeof(hop_limit));
  }
  message.msg_controllen = control_length;
  ssize_t sent;
  do {
    sent = sendmsg(fd(), &message, MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) ThrowSystemError(info.Env(), errno, "sendmsg");
}

Napi::Value RawSocket::Receive(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!IsBytes(info[0])) {
    ThrowTypeError(env, "Expected the buffer to be bytes");
    return env.Undefined();
  }
  Napi::Uint8Array buffer = info[0].As<Napi::Uint8Array>();
  iovec vector{buffer.Data(), buffer.ByteLength()};
  SocketAddress source;
  alignas(cmsghdr) char control[64];
  msghdr message{};
  message.msg_name = source.sockaddr();
  message.msg_namelen = source.capacity();
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);

  ssize_t length;
  do {
    length = recvmsg(fd(), &message, MSG_DONTWAIT);
  } while (length < 0 && errno == EINTR);
  if (length < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return env.Null();
    ThrowSystemError(env, errno, "recvmsg");
    return env.Undefined();
  }

  Napi::Uint8Array address = Napi::Uint8Array::New(env, source.bytes_length());
  memcpy(address.Data(), source.bytes(), source.bytes_length());
  Napi::Object received = Napi::Object::New(env);
  received.Set("length", Napi::Number::New(env, static_cast<double>(length)));
  received.Set("source", address);
  received.Set("fragmented", Napi::Boolean::New(env, IsFragmented(&message)));
  return received;
}

}  // namespace wg_rendezvous
