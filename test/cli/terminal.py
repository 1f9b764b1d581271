"""Runs a program on a terminal of its own, as argv says: terminal.py ACTION[:TEXT] PROGRAM ARG...

Waits until the program has drawn TEXT (`peer`), then does ACTION: `int` types Ctrl-C, `term` sends SIGTERM,
`hup` and `usr1` send SIGHUP or SIGUSR1 and then type Ctrl-C, `close` closes the terminal. Prints what the program drew, and
as the last line how it ended: its exit code, or minus the signal.
"""
import os
import pty
import select
import signal
import sys
import time

DEADLINE = time.monotonic() + 20


def main() -> None:
    what, *program = sys.argv[1:]
    action, _, text = what.partition(":")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(program[0], program)
    drawn = read_until(terminal, (text or "peer").encode())
    if action == "hup":
        os.kill(pid, signal.SIGHUP)
    if action == "usr1":
        os.kill(pid, signal.SIGUSR1)
        drawn += read_until(terminal, b"counts: ")
    if action == "close":
        os.close(terminal)
    elif action == "term":
        os.kill(pid, signal.SIGTERM)
    else:
        os.write(terminal, b"\x03")
    if action != "close":
        drawn += read_until(terminal, None)
    sys.stdout.write(drawn.decode(errors="replace"))
    print()
    print(wait(pid))


def read_until(terminal: int, expected: "bytes | None") -> bytes:
    """Reads what is drawn until it holds something, or until the program has closed the terminal."""
    drawn = b""
    while time.monotonic() < DEADLINE and (expected is None or expected not in drawn):
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # EIO: nobody has the other side open
            break
        if not chunk:
            break
        drawn += chunk
    return drawn


def wait(pid: int) -> int:
    while time.monotonic() < DEADLINE:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    return 999


main()
