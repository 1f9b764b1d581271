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
// fragment, told in a control message, is the only trace that is left of them.
bool SetOptions(Napi::Env env, int fd, int family) {
  if (family == AF_INET) {
    return SetOption(env, fd, IPPROTO_IP, IP_RECVFRAGSIZE, 1, "IP_RECVFRAGSIZE");
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
  handle_ = PollHandle::Open(env, fd, "WG_RENDEZVOUS_RAW_SOCKET");
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
    ThrowSystemError(info.Env(), errno, "setsockopt", "SO_MARK");
  }
}

void RawSocket::Send(const Napi::CallbackInfo& info) {
  if (!IsBytes(info[0]) || !IsBytes(info[1]) || !info[2].IsNumber()) {
    return ThrowTypeError(info.Env(), "Expected (datagram bytes, address bytes, scope id)");
  }
  const Napi::Uint8Array datagram = info[0].As<Napi::Uint8Array>();
  const Napi::Uint8Array bytes = info[1].As<Napi::Uint8Array>();
  SocketAddress address;
  // Port 0: on a raw socket the field means the protocol.
  if (!address.Set(family_, bytes.Data(), bytes.ByteLength(), 0,
                   info[2].As<Napi::Number>().Uint32Value())) {
    return ThrowTypeError(info.Env(), "Expected the address to be of the socket's family");
  }
  ssize_t sent;
  do {
    sent = sendto(fd(), datagram.Data(), datagram.ByteLength(), MSG_DONTWAIT, address.sockaddr(),
                  address.length());
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) ThrowSystemError(info.Env(), errno, "sendto");
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
