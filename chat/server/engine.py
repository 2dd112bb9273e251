"""Engine.IO and Socket.IO as the libraries do them, on sockets of ours."""

from functools import partial
from typing import Any

import engineio.socket
from engineio.packet import NOOP, OPEN, Packet
from engineio.payload import Payload

from .. import green
from .frames import BINARY, TEXT, encode
from .packets import Packet as SocketPacket
from .rooms import Rooms
from .timers import Timers

#: What is kept of the request that opened a socket, as long as the socket.
KEPT = frozenset({
    "REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL",
    "REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST", "HTTP_ORIGIN", "HTTP_AUTHORIZATION", "flask.app",
})  # fmt: skip
#: Sockets whose end is handled at once.
ENDINGS = 8

NOOP_PACKET = Packet(NOOP)


class Engine:
    """What all sockets share: the clock, the bounds, and the lane in which they end."""

    def __init__(self, socket_server: Any, timers: Timers, max_queued: int) -> None:
        self.timers = timers
        self.max_queued = max_queued
        self.max_message: int = socket_server.eio.max_http_buffer_size
        self.endings = green.Lane(ENDINGS)
        self._socket_server = socket_server
        socket_server.packet_class = SocketPacket
        socket_server.manager = Rooms()
        socket_server.manager.set_server(socket_server)
        socket_server.eio.start_service_task = False  # the timers look after the sockets
        socket_server.eio.on("connect", self._connect)

    def use(self, socket_class: Any) -> None:
        """Make python-engineio use this class for its sockets; it has no option for that."""
        engineio.socket.Socket = partial(socket_class, self)  # type: ignore[misc,assignment]

    def _connect(self, sid: str, environ: dict[str, Any]) -> None:
        self._socket_server._handle_eio_connect(sid, {key: environ[key] for key in KEPT if key in environ})

    def handle(self, sid: str, data: str | bytes) -> None:
        """Handle a Socket.IO packet. Raises `ValueError` for one that makes no sense."""
        self._socket_server._handle_eio_message(sid, data)
        # A request that Flask made for the event holds on to much more than the handshake.
        self._socket_server.environ.get(sid, {}).pop("werkzeug.request", None)


def frame(packet: Packet) -> bytes:
    """Return the packet as a frame, made once however many sockets it goes to."""
    made: bytes | None = packet.__dict__.get("frame")
    if made is None:
        encoded = packet.encode()
        made = encode(TEXT, encoded.encode()) if isinstance(encoded, str) else encode(BINARY, bytes(encoded))
        packet.frame = made  # type: ignore[attr-defined]
    return made


def split(message: str) -> tuple[int, str]:
    """Return a packet's type, OPEN for what is none, and its data."""
    return (int(message[0]), message[1:]) if message[:1] in "123456" and message else (OPEN, "")


def read_payload(environ: dict[str, Any], max_length: int) -> list[Packet]:
    """Return the packets that a polling client posts. Raises `ValueError`."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > max_length:
        raise ValueError("a body that is too large")
    body = environ["wsgi.input"].read(length)
    try:
        packets: list[Packet] = Payload(encoded_payload=body.decode()).packets
    except Exception as error:  # whatever the library raises
        raise ValueError("a body that cannot be read") from error
    return packets
