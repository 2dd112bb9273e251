"""The listening socket: where it listens, and how many it lets in."""

import errno
import resource
from contextlib import suppress
from typing import Any

from .. import green
from ..errors import ChatError, StartupError
from .answer import refusal
from .connection import Connection
from .gate import Gate
from .loop import Loop
from .poller import READ

#: Connections accepted in one turn of the loop.
ACCEPTS = 64
#: Seconds until it tries again when the system has nothing left to accept with.
PAUSE = 0.2
#: File descriptors to ask for, where the system has no limit of its own.
MAX_FILES = 1 << 16
#: File descriptors kept for everything but clients: database, log files, the listening socket.
RESERVED_FILES = 128

socket = green.socket


class Listener:
    """Accepts connections, for as many as there are descriptors, and gives each to the gate."""

    def __init__(self, host: str, port: int) -> None:
        """Listen at this address. Raises `StartupError`."""
        self._loop: Loop | None = None
        self._gate: Gate | None = None
        self._max_connections = 0
        self._is_paused = False
        self._on_close = self._closed  # one method for all
        #: The connections that are open.
        self.connections: set[Connection] = set()
        try:
            family, kind, proto, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            self._socket = socket.socket(family, kind, proto)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Accepted sockets inherit it. With Nagle's algorithm two packets in a row wait 40 ms for each other.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.bind(address)
            self._socket.listen(1024)
        except OSError as error:
            raise StartupError(_problem(host, port, error)) from error
        self._socket.setblocking(False)
        self.address: tuple[Any, ...] = self._socket.getsockname()

    def accept(self, loop: Loop, gate: Gate, max_connections: int) -> None:
        """Accept connections from now on, at most so many at once."""
        self._loop, self._gate, self._max_connections = loop, gate, max_connections
        loop.poller.add(self._socket.fileno(), self, READ)

    def close(self) -> None:
        """Accept no more; those that are open stay."""
        if self._loop and self._socket.fileno() >= 0:
            self._loop.poller.remove(self._socket.fileno())
        self._loop = None
        self._socket.close()

    abort = close

    def ready(self, events: int) -> None:
        for _ in range(ACCEPTS):
            if len(self.connections) >= self._max_connections:
                self._pause()
                return
            try:
                accepted, peer = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self._pause()
                    return
                continue  # a client that hung up too early
            self._let_in(accepted, peer)

    def go_on(self) -> None:
        pass

    def _let_in(self, accepted: Any, peer: tuple[Any, ...]) -> None:
        accepted.setblocking(False)
        if self._gate.enter(peer[0]):  # type: ignore[union-attr]
            connection = Connection(self._loop, accepted, peer, self._on_close)  # type: ignore[arg-type]
            self.connections.add(connection)
            self._gate.welcome(connection)  # type: ignore[union-attr]
        else:
            with suppress(OSError):
                accepted.send(refusal(ChatError(429, "too_many_connections", "This address has too many connections.")))
            accepted.close()

    def _closed(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._gate.leave(connection.peer[0])  # type: ignore[union-attr]

    def _pause(self) -> None:
        """Leave the others waiting outside for a moment: descriptors come back as clients leave."""
        if not self._is_paused and self._loop:
            self._is_paused = True
            self._loop.poller.change(self._socket.fileno(), 0)
            green.call_later(PAUSE, self._resume)

    def _resume(self) -> None:
        self._is_paused = False
        if self._loop:
            self._loop.poller.change(self._socket.fileno(), READ)


def max_connections() -> int:
    """Raise the limit of open files as far as it goes and return how many clients fit under it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):  # some systems refuse what they call the limit
            pass
    limit = MAX_FILES if soft == resource.RLIM_INFINITY else soft
    return max(limit - RESERVED_FILES, limit // 2)


def _problem(host: str, port: int, error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"HOST={host} is not an address of this machine; 127.0.0.1 and 0.0.0.0 always are."
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program: stop that one, or set PORT to a free port."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"This user may not listen on port {port}: set PORT to a port above 1023."
    return f"The server cannot listen on {host}, port {port}: {error.strerror}."
