#ifndef WG_RENDEZVOUS_UNIX_DATAGRAM_H_
#define WG_RENDEZVOUS_UNIX_DATAGRAM_H_

#include <napi.h>

namespace wg_rendezvous {

// sendUnixDatagram(path: string, text: string): void. Sends one datagram to a unix socket (unix(7)), such
// as systemd's $NOTIFY_SOCKET or /dev/log; a path that begins with @ is an abstract name. Never waits: a
// full queue of the receiver throws EAGAIN. Throws a system error.
void SendUnixDatagram(const Napi::CallbackInfo& info);

}  // namespace wg_rendezvous

#endif  // WG_RENDEZVOUS_UNIX_DATAGRAM_H_
