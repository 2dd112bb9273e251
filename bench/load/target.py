"""The server under load: its address, how to connect to it, and the tokens of its users."""

import asyncio
import itertools
import os
import resource
import socket
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import jwt

#: Connections from one source address before the next is taken: a source address has about 28,000 ports, and each
#: stays taken for a minute after its connection has been closed.
CONNECTIONS_PER_ADDRESS = 4000
#: Linux: a port is chosen at `connect`, so that it need only be free towards this server.
IP_BIND_ADDRESS_NO_PORT = 24
HOUR = 3600

P = TypeVar("P", bound=asyncio.Protocol)


class Target:
    """The server at `url`. With `jwt_secret` it works in token mode, and its users' tokens are made here."""

    def __init__(self, url: str, jwt_secret: str | None = None) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self._secret = jwt_secret
        self._made = itertools.count()
        self._tokens: dict[str, str] = {}

    async def connect(self, make: Callable[[], P], receive_buffer: int = 0) -> P:
        """Open a connection and return its protocol. What the system receives ahead is bounded where that is given."""
        loop = asyncio.get_running_loop()
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if self.host == "127.0.0.1":
            connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            connection.bind((f"127.0.0.{1 + next(self._made) // CONNECTIONS_PER_ADDRESS}", 0))
        try:
            await loop.sock_connect(connection, (self.host, self.port))
        except BaseException:
            connection.close()
            raise
        return (await loop.create_connection(make, sock=connection))[1]

    def token(self, user_id: str | None) -> str | None:
        """Return a token for this user; None in open mode."""
        if self._secret is None or user_id is None:
            return None
        if user_id not in self._tokens:
            now = int(time.time())
            claims: dict[str, Any] = {"sub": user_id, "aud": "authenticated", "iat": now, "exp": now + HOUR}
            self._tokens[user_id] = jwt.encode(claims, self._secret, "HS256")
        return self._tokens[user_id]

    def authorization(self, user_id: str | None) -> str:
        """Return the header line that says who calls; empty in open mode."""
        token = self.token(user_id)
        return f"Authorization: Bearer {token}\r\n" if token else ""


def raise_open_files() -> int:
    """Raise this process's limit of open files as far as it goes and return it; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(1 << 16, os.sysconf("SC_OPEN_MAX")) if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
