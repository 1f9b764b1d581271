#include "conntrack.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "socket-address.h"
#include "system-error.h"

namespace wg_rendezvous {

namespace {

// The kernel answers within the call to send(), so this limit is never reached.
constexpr timeval kTimeout{0, 100000};

struct Request {
  nlmsghdr header;
  nfgenmsg netfilter;
  char attributes[128];
};

char* End(Request* request) {
  return reinterpret_cast<char*>(request) + NLMSG_ALIGN(request->header.nlmsg_len);
}

void Add(Request* request, uint16_t type, const void* data, size_t length) {
  auto* attribute = reinterpret_cast<nlattr*>(End(request));
  attribute->nla_type = type;
  attribute->nla_len = static_cast<uint16_t>(NLA_HDRLEN + length);
  if (length > 0) memcpy(reinterpret_cast<char*>(attribute) + NLA_HDRLEN, data, length);
  request->header.nlmsg_len =
      NLMSG_ALIGN(request->header.nlmsg_len) + NLA_ALIGN(attribute->nla_len);
}

// Begins an attribute that holds those added until Close().
nlattr* Nest(Request* request, uint16_t type) {
  auto* nest = reinterpret_cast<nlattr*>(End(request));
  Add(request, static_cast<uint16_t>(type | NLA_F_NESTED), nullptr, 0);
  return nest;
}

void Close(Request* request, nlattr* nest) {
  nest->nla_len = static_cast<uint16_t>(End(request) - reinterpret_cast<char*>(nest));
}

void AddPort(Request* request, uint16_t type, in_port_t port) {
  Add(request, type, &port, sizeof(port));
}

void AddTuple(Request* request, const SocketAddress& from, const SocketAddress& to) {
  const bool v4 = from.is_v4();
  nlattr* tuple = Nest(request, CTA_TUPLE_ORIG);
  nlattr* addresses = Nest(request, CTA_TUPLE_IP);
  Add(request, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, from.bytes(), from.bytes_length());
  Add(request, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, to.bytes(), to.bytes_length());
  Close(request, addresses);
  nlattr* protocol = Nest(request, CTA_TUPLE_PROTO);
  const uint8_t udp = IPPROTO_UDP;
  Add(request, CTA_PROTO_NUM, &udp, sizeof(udp));
  AddPort(request, CTA_PROTO_SRC_PORT, v4 ? from.v4().sin_port : from.v6().sin6_port);
  AddPort(request, CTA_PROTO_DST_PORT, v4 ? to.v4().sin_port : to.v6().sin6_port);
  Close(request, protocol);
  Close(request, tuple);
}

// 0, or an errno: ENOENT if there is no such entry.
int Exchange(int fd, Request* request) {
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kTimeout, sizeof(kTimeout)) != 0) return errno;
  if (send(fd, request, request->header.nlmsg_len, 0) < 0) return errno;
  alignas(nlmsghdr) char buffer[4096];
  ssize_t length;
  do {
    length = recv(fd, buffer, sizeof(buffer), 0);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return errno;
  const auto* header = reinterpret_cast<const nlmsghdr*>(buffer);
  if (!NLMSG_OK(header, static_cast<size_t>(length)) || header->nlmsg_type != NLMSG_ERROR) {
    return EPROTO;
  }
  return -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
}

int Delete(const SocketAddress& from, const SocketAddress& to) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0) return errno;
  Request request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(nfgenmsg));
  request.header.nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.netfilter.nfgen_family = from.is_v4() ? AF_INET : AF_INET6;
  request.netfilter.version = NFNETLINK_V0;
  AddTuple(&request, from, to);
  const int error = Exchange(fd, &request);
  close(fd);
  return error;
}

bool ReadEndpoint(const Napi::Value& address, const Napi::Value& port, SocketAddress* endpoint) {
  if (!address.IsTypedArray() || !port.IsNumber() ||
      address.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    return false;
  }
  const auto bytes = address.As<Napi::Uint8Array>();
  const int family = bytes.ByteLength() == sizeof(in_addr) ? AF_INET : AF_INET6;
  return endpoint->Set(family, bytes.Data(), bytes.ByteLength(),
                       static_cast<uint16_t>(port.As<Napi::Number>().Uint32Value()), 0);
}

}  // namespace

Napi::Value ForgetFlow(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  SocketAddress from;
  SocketAddress to;
  if (!ReadEndpoint(info[0], info[1], &from) || !ReadEndpoint(info[2], info[3], &to) ||
      from.is_v4() != to.is_v4()) {
    ThrowTypeError(env, "Expected (source address bytes, port, destination address bytes, port)");
    return env.Undefined();
  }
  const int error = Delete(from, to);
  if (error != 0 && error != ENOENT) {
    ThrowSystemError(env, error, "netlink", "IPCTNL_MSG_CT_DELETE");
    return env.Undefined();
  }
  return Napi::Boolean::New(env, error == 0);
}

}  // namespace wg_rendezvous
