#include "conntrack.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "netlink.h"
#include "socket-address.h"
#include "system-error.h"

namespace wg_rendezvous {

namespace {

struct Request {
  nlmsghdr header;
  nfgenmsg netfilter;
  char attributes[128];
};

// Begins an attribute that holds those added until Close().
nlattr* Nest(nlmsghdr* request, uint16_t type) {
  return AddAttribute(request, static_cast<uint16_t>(type | NLA_F_NESTED), nullptr, 0);
}

void Close(const nlmsghdr* request, nlattr* nest) {
  const char* end = reinterpret_cast<const char*>(request) + NLMSG_ALIGN(request->nlmsg_len);
  nest->nla_len = static_cast<uint16_t>(end - reinterpret_cast<char*>(nest));
}

void AddPort(nlmsghdr* request, uint16_t type, in_port_t port) {
  AddAttribute(request, type, &port, sizeof(port));
}

void AddTuple(nlmsghdr* request, const SocketAddress& from, const SocketAddress& to) {
  const bool v4 = from.is_v4();
  nlattr* tuple = Nest(request, CTA_TUPLE_ORIG);
  nlattr* addresses = Nest(request, CTA_TUPLE_IP);
  AddAttribute(request, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, from.bytes(), from.bytes_length());
  AddAttribute(request, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, to.bytes(), to.bytes_length());
  Close(request, addresses);
  nlattr* protocol = Nest(request, CTA_TUPLE_PROTO);
  const uint8_t udp = IPPROTO_UDP;
  AddAttribute(request, CTA_PROTO_NUM, &udp, sizeof(udp));
  AddPort(request, CTA_PROTO_SRC_PORT, v4 ? from.v4().sin_port : from.v6().sin6_port);
  AddPort(request, CTA_PROTO_DST_PORT, v4 ? to.v4().sin_port : to.v6().sin6_port);
  Close(request, protocol);
  Close(request, tuple);
}

// 0, or an errno: ENOENT if there is no such entry.
int Delete(const SocketAddress& from, const SocketAddress& to) {
  NetlinkSocket netlink;
  const int error = netlink.Open(NETLINK_NETFILTER);
  if (error != 0) return error;
  Request request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(nfgenmsg));
  request.header.nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
  request.header.nlmsg_flags = NLM_F_ACK;
  request.netfilter.nfgen_family = from.is_v4() ? AF_INET : AF_INET6;
  request.netfilter.version = NFNETLINK_V0;
  AddTuple(&request.header, from, to);
  NetlinkAnswer answer;
  return netlink.Ask(&request.header, &answer);
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
