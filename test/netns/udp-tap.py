"""Prints each UDP datagram that crosses an interface at a port of this host, until it is told to stop.

    udp-tap.py INTERFACE FIRST_PORT LAST_PORT

One line each: `in` or `out`, the remote address and port, and the SHA-256 of the payload.
"""
import hashlib
import socket
import struct
import sys

ETH_P_ALL = 3
PACKET_OUTGOING = 4

interface, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
tap.bind((interface, ETH_P_ALL))
print("ready", flush=True)
while True:
    packet, address = tap.recvfrom(65535)
    if len(packet) < 28 or packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_UDP:
        continue
    header = (packet[0] & 15) * 4
    source, destination, length = struct.unpack_from("!HHH", packet, header)
    is_out = address[2] == PACKET_OUTGOING
    if not first <= (source if is_out else destination) <= last:
        continue
    payload = packet[header + 8 : header + length]
    remote = socket.inet_ntoa(packet[16:20] if is_out else packet[12:16])
    port = destination if is_out else source
    digest = hashlib.sha256(payload).hexdigest()
    print("out" if is_out else "in", f"{remote}:{port}", payload[0], len(payload), digest, flush=True)
