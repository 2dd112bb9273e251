"""One client that means harm, in a process of its own: it sends as fast as it can, and comes back when it is cut off.

python -m bench.load.flooder KIND HOST PORT SECONDS; KIND is pongs, requests or events. Prints how often it was cut off.
"""

import socket
import sys
import time
from contextlib import suppress

from .socketio import HANDSHAKE, frame

#: What is sent before, and what again and again. The events are of a socket that has not joined.
KINDS = {
    "pongs": (HANDSHAKE, frame(b"", 0x8A)),
    "requests": ("", b"GET /health HTTP/1.1\r\nHost: chat\r\n\r\n"),
    "events": (HANDSHAKE, frame(b'42["sendMessage",{"message":"x"}]')),
}
#: Bytes of one write.
BURST = 64 << 10


def flood(kind: str, host: str, port: int, until: float) -> None:
    """Send on one connection until the time is over. Raises `OSError` when it is closed, or takes no more."""
    greeting, again = KINDS[kind]
    burst = again * (BURST // len(again))
    with socket.create_connection((host, port), timeout=5) as connection:
        if greeting:
            connection.sendall(greeting.format(host=host, port=port).encode())
            connection.recv(4096)
            connection.sendall(frame(b"40"))
        while time.monotonic() < until:
            connection.sendall(burst)
            connection.setblocking(False)
            with suppress(BlockingIOError):  # answers are read, so that it is not cut off for that
                while connection.recv(1 << 20):
                    pass
            connection.settimeout(5)


def main(kind: str, host: str, port: str, seconds: str) -> None:
    cuts, until = 0, time.monotonic() + float(seconds)
    while time.monotonic() < until:
        try:
            flood(kind, host, int(port), until)
        except OSError:
            cuts += 1
            time.sleep(0.01)
    print(cuts)


if __name__ == "__main__":
    main(*sys.argv[1:])
