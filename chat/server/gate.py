"""Whom the server lets in, and where each request goes: to the app, or to Engine.IO by way of its own queue."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from flask import Flask

from .. import green
from ..config import Config
from ..limits import address_key
from .answer import respond
from .connection import Connection
from .http import Http

#: Where Engine.IO is served; a request there without a session opens one.
SOCKETS = "/socket.io/"
HAS_SESSION = re.compile(r"(?:^|&)sid=[^&]")
#: Handshakes that are worked on at once. The others wait, and nobody waits for them.
HANDSHAKES = 8


class Gate:
    """Counts connections by address, and hands each request to who answers it."""

    def __init__(self, app: Flask, address: tuple[Any, ...], max_connections: int) -> None:
        config: Config = app.config["CHAT"]
        #: The address that the server listens on.
        self.address = address
        self.max_body: int = app.config["MAX_CONTENT_LENGTH"]
        #: The routes, method and path, that read a body while it comes, and the most bytes that each takes.
        self.streams: dict[tuple[str, str], int] = app.extensions["streams"]
        self._app = app
        self._http = app.extensions["http"]
        self._limits = app.extensions["limits"]
        self._proxies = config.trusted_proxies
        self._max_per_address = config.max_connections_per_address or max(1, max_connections // 4)
        self._connections: Counter[str] = Counter()
        self._handshakes = green.Lane(HANDSHAKES)

    def enter(self, peer: str) -> bool:
        """Count a connection from this address; return whether it may stay. A trusted proxy brings many people."""
        if self._proxies:
            return True
        address = address_key(peer)
        if self._connections[address] >= self._max_per_address:
            return False
        self._connections[address] += 1
        return True

    def leave(self, peer: str) -> None:
        """A connection that had entered is closed."""
        if not self._proxies:
            address = address_key(peer)
            self._connections[address] -= 1
            if not self._connections[address]:
                del self._connections[address]

    def welcome(self, connection: Connection) -> None:
        """Begin to speak HTTP."""
        connection.speaker = Http(self, connection)

    def serve(self, http: Http, environ: dict[str, Any], is_upgrade: bool) -> None:
        """Have a request answered in a green thread. Called by the loop."""
        http.is_for_sockets = environ["PATH_INFO"].startswith(SOCKETS)
        if not http.is_for_sockets:
            green.spawn(respond, self._http, http, environ)
            return
        if is_upgrade:
            environ["chat.http"] = http
        else:
            environ.pop("HTTP_UPGRADE", None)
        if HAS_SESSION.search(environ["QUERY_STRING"]):
            green.spawn(respond, self._app, http, environ)
        else:
            self._handshakes.run(respond, self._open_socket, http, environ)

    def _open_socket(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a handshake, which counts against its address. Raises `ChatError`."""
        if environ["REQUEST_METHOD"] != "OPTIONS":
            self._limits.spend("handshake", None, client_address(environ, self._proxies))
        return self._app(environ, start_response)


def client_address(environ: dict[str, Any], proxies: int) -> str:
    """Return who asks: the peer, or whom the farthest of our own proxies names."""
    hops = environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if proxies else []
    address: str = hops[-proxies].strip() if len(hops) >= proxies > 0 else environ["REMOTE_ADDR"]
    return address
