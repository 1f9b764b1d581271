"""Plays systemd's side of sd_notify(3): notify-socket.py PATH. @ begins an abstract name.

Prints a line for each datagram: its assignments, separated by blanks, and `ready` when it listens. Ends with
stdin.
"""
import select
import socket
import sys


def main() -> None:
    path = sys.argv[1]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("\0" + path[1:] if path.startswith("@") else path)
        print("ready", flush=True)
        while True:
            readable, _, _ = select.select([server, sys.stdin], [], [])
            if sys.stdin in readable:
                return
            # A descriptor that comes along (BARRIER=1) is closed by the kernel, which is the answer to it.
            print(server.recv(65536).decode().strip().replace("\n", " | "), flush=True)


main()
