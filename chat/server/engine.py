"""Engine.IO sockets without green threads: what python-engineio's server asks of its `Socket`.

A WebSocket's events wait in its inbox and are handled one after the other by a green thread that ends when there are
none. A polling client's packets wait until it asks for them.
"""

import logging
from collections import deque
from functools import partial
from time import monotonic
from typing import Any

import engineio.socket
from engineio.base_server import BaseServer
from engineio.exceptions import EngineIOError
from engineio.packet import CLOSE, MESSAGE, NOOP, OPEN, PING, PONG, UPGRADE, Packet
from engineio.payload import Payload

from . import green, websocket
from .http import Http
from .timers import Timers
from .websocket import BINARY, TEXT, WebSocket, encode

log = logging.getLogger(__name__)

#: Events of one WebSocket, and their bytes, that wait for those before them; then it is not read any further.
MAX_EVENTS = 16
MAX_EVENT_BYTES = 64 << 10
#: Packets in one answer to a polling client; python-engineio's own client reads no more.
PACKETS_PER_POLL = Payload.max_decode_packets
#: What is kept of the request that opened a socket, as long as the socket.
KEPT = frozenset({
    "REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL",
    "REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST", "HTTP_ORIGIN", "HTTP_AUTHORIZATION", "flask.app",
})  # fmt: skip

reason = BaseServer.reason
PING_PACKET, NOOP_PACKET = Packet(PING), Packet(NOOP)


class Engine:
    """What all sockets share: the clock, the bounds, and the lane in which they end."""

    def __init__(self, socket_server: Any, timers: Timers, max_queued: int) -> None:
        self.socket_server = socket_server
        self.timers = timers
        self.max_queued = max_queued
        self.max_message: int = socket_server.eio.max_http_buffer_size
        self.endings = green.Lane(8)
        socket_server.eio.start_service_task = False  # the timers look after the sockets
        socket_server.eio.on("connect", self._connect)
        engineio.socket.Socket = partial(Socket, self)  # type: ignore[misc,assignment]  # there is no option for that

    def _connect(self, sid: str, environ: dict[str, Any]) -> None:
        self.socket_server._handle_eio_connect(sid, {key: environ[key] for key in KEPT if key in environ})

    def handle(self, sid: str, data: str | bytes) -> None:
        """Handle a Socket.IO packet. Raises `ValueError` for one that makes no sense."""
        self.socket_server._handle_eio_message(sid, data)
        # A request that Flask made for the event holds on to much more than the handshake.
        self.socket_server.environ.get(sid, {}).pop("werkzeug.request", None)


class Socket:
    """One Engine.IO connection: a WebSocket, or a client that polls."""

    __slots__ = (
        "_awaits_pong", "_engine", "_inbox", "_inbox_size", "_packets", "_polled_at", "_probe", "_reason", "_size",
        "_waiting", "_websocket", "_workers", "closed", "closing", "connected", "due", "server", "sid", "slot",
        "upgraded", "upgrading",
    )  # fmt: skip

    def __init__(self, engine: Engine, server: Any, sid: str) -> None:
        self.server = server
        self.sid = sid
        self.connected = self.upgrading = self.upgraded = self.closing = self.closed = False
        self.due = 0.0
        self.slot = 0
        self._engine = engine
        self._websocket: WebSocket | None = None
        #: The WebSocket that a polling client is about to change to.
        self._probe: WebSocket | None = None
        self._packets: deque[Packet] | None = deque()
        self._size = 0
        self._waiting: green.Signal | None = None
        self._polled_at = monotonic()
        self._awaits_pong = False
        self._inbox: deque[str | bytes] | None = None
        self._inbox_size = 0
        self._workers = 0
        self._reason: str | None = None

    # what python-engineio's server calls, in a green thread

    def send(self, packet: Packet) -> None:
        """Send a packet, or keep it until the client asks. Nothing is sent after the end."""
        if self.closed:
            return
        if self._websocket:
            self._websocket.send(frame(packet))
            return
        self._size += len(packet.encode(b64=True))
        if self._size > self._engine.max_queued:
            self.end(reason.TRANSPORT_ERROR)
        else:
            self._packets.append(packet)  # type: ignore[union-attr]
            self._wake()

    def schedule_ping(self) -> None:
        """Ping the client when the interval is over."""
        self._awaits_pong = False
        self._engine.timers.at(self, monotonic() + self.server.ping_interval)

    def handle_get_request(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Return the packets for a polling client, or take the connection over for a WebSocket."""
        if environ.get("HTTP_UPGRADE", "").lower() == "websocket":
            return self._upgrade(environ["chat.http"], environ["chat.accept"])
        if self.upgrading or self.upgraded:
            return [NOOP_PACKET]
        return self.poll()

    def handle_post_request(self, environ: dict[str, Any]) -> None:
        """Handle the packets of a polling client. Raises `EngineIOError`, answered with 400, when they end it."""
        self._workers += 1
        try:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            if length > self._engine.max_message:
                raise ValueError("too large")
            body = environ["wsgi.input"].read(length).decode()
            for packet in Payload(encoded_payload=body).packets:
                if self.closing:
                    break
                self._handle_packet(packet.packet_type, packet.data)
        except Exception as error:
            self._refuse(error)
            raise EngineIOError from None
        finally:
            self._workers -= 1
            self._finish_ending()

    def poll(self) -> list[Packet]:
        """Return the packets that wait, at least one, or none when the socket closes. Raises `QueueEmpty`."""
        self._wake()  # one that still waits on a connection which the client has given up
        if not self._packets:
            self._waiting = waiting = green.Signal()
            waiting.wait(self.server.ping_interval + self.server.ping_timeout)
            if self._waiting is waiting:
                self._waiting = None
        self._polled_at = monotonic()
        packets: list[Packet] = []
        while self._packets and len(packets) < PACKETS_PER_POLL:
            packets.append(self._packets.popleft())
            self._size -= len(packets[-1].encode(b64=True))
        return packets or ([] if self.closed else [NOOP_PACKET])

    def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        """End the socket, and tell its client unless `abort`. `wait` is the library's, and means nothing here."""
        if self.closing:
            return
        self.closing = True
        self.server._trigger_event("disconnect", self.sid, reason or BaseServer.reason.SERVER_DISCONNECT)
        if not abort and not self.closed:
            self.send(Packet(CLOSE))
        self._let_go(websocket.NORMAL)

    # what the loop calls

    def heard(self, message: str | bytes) -> bool:
        """A message of the WebSocket has come: `Owner.heard`."""
        kind, data = (4, message) if isinstance(message, bytes) else _split(message)
        if self._probe:
            self._heard_probe(kind, str(data))
        elif kind == MESSAGE:
            return self._put(data)
        else:
            try:
                self._handle_packet(kind, data)
            except (ValueError, EngineIOError) as error:
                self._refuse(error)
        return True

    def lost(self, code: int) -> None:
        """The WebSocket has ended: `Owner.lost`."""
        if self._probe and self._websocket is None and self.connected and not self.upgraded:
            self._probe, self.upgrading = None, False  # it was only tried; the client goes on polling
        else:
            self.end(reason.TRANSPORT_CLOSE)

    def on_time(self, now: float) -> None:
        """Ping the client, or end the socket of one that did not answer."""
        is_forgotten = not self._websocket and not self._waiting and now - self._polled_at > self.server.ping_timeout
        if self._awaits_pong or is_forgotten:
            self.end(reason.PING_TIMEOUT, websocket.GOING_AWAY)
        else:
            self._awaits_pong = True
            self._engine.timers.at(self, now + self.server.ping_timeout)
            self.send(PING_PACKET)

    def end(self, why: str, code: int = websocket.NORMAL) -> None:
        """End the socket now. Its handlers are told later, in a green thread, after those that are at work."""
        if not self.closing:
            self.closing = True
            self._reason = why
            if self._packets:
                self._packets.clear()
            self._let_go(code)
            self._finish_ending()

    # inside

    def _handle_packet(self, kind: int, data: Any) -> None:
        """Handle one packet. Raises `ValueError`, `EngineIOError` or what a handler raises."""
        if kind == MESSAGE:
            self._engine.handle(self.sid, data)
        elif kind == PONG:
            if self._awaits_pong:
                self.schedule_ping()
        elif kind == CLOSE:
            self.end(reason.CLIENT_DISCONNECT)
        elif kind == UPGRADE:
            self.send(NOOP_PACKET)
        else:
            raise ValueError("a packet that only servers send")

    def _put(self, data: Any) -> bool:
        if self.closing:
            return False
        if self._inbox is None:
            self._inbox = deque()
        self._inbox.append(data)
        self._inbox_size += len(data)
        if not self._workers:
            self._workers += 1
            green.spawn(self._work)
        return len(self._inbox) < MAX_EVENTS and self._inbox_size < MAX_EVENT_BYTES

    def _work(self) -> None:
        while self._inbox and not self.closing:
            was_full = len(self._inbox) >= MAX_EVENTS or self._inbox_size >= MAX_EVENT_BYTES
            data = self._inbox.popleft()
            self._inbox_size -= len(data)
            try:
                self._engine.handle(self.sid, data)
            except Exception as error:
                self._refuse(error)
            if was_full and self._websocket:
                self._websocket.go_on()
            if self._inbox:
                green.sleep(0)  # a socket that has much to say lets the others speak in between
        self._inbox = None
        self._workers -= 1
        self._finish_ending()

    def _refuse(self, error: Exception) -> None:
        if not isinstance(error, ValueError | EngineIOError):
            log.error("a packet could not be handled", exc_info=error)
        log.info("a connection ends: %s", str(error)[:100] or type(error).__name__)
        self.end(reason.TRANSPORT_ERROR, websocket.POLICY)

    def _let_go(self, code: int) -> None:
        """Free what the socket holds: nothing is sent or read any longer."""
        self.closed = True
        self.server.sockets.pop(self.sid, None)
        self._engine.timers.cancel(self)
        self._wake()
        for each in (self._websocket, self._probe):
            if each:
                each.close(code)
        self._websocket = self._probe = None

    def _finish_ending(self) -> None:
        if self._reason and not self._workers:
            why, self._reason = self._reason, None
            self._engine.endings.run(partial(self.server._trigger_event, "disconnect", self.sid, why))

    def _wake(self) -> None:
        if self._waiting:
            self._waiting.set()
            self._waiting = None

    # from polling to a WebSocket

    def _upgrade(self, http: Http, accepted: bytes) -> list[Any]:
        if self.upgrading or self.upgraded:
            raise EngineIOError
        try:
            http.take_over(accepted)
        except ConnectionError:
            if not self.connected:
                self.end(reason.TRANSPORT_CLOSE)
            raise
        new = WebSocket(http.connection, self, self._engine.max_message)
        if self.connected:
            self.upgrading = True
            self._probe = new
        else:
            self.connected = True
            self._change_to(new)
        new.start(http.rest)
        return []

    def _heard_probe(self, kind: int, data: str) -> None:
        if kind == PING and data == "probe":
            self._probe.send(frame(Packet(PONG, data="probe")))  # type: ignore[union-attr]
            self.send(NOOP_PACKET)  # ends the poll that waits
        elif kind == UPGRADE and self.upgrading:
            probe, self._probe, self.upgrading = self._probe, None, False
            self._change_to(probe)  # type: ignore[arg-type]
        else:
            self._probe.close(websocket.POLICY)  # type: ignore[union-attr]

    def _change_to(self, new: WebSocket) -> None:
        self.upgraded = True
        self._websocket, waiting, self._packets = new, self._packets or (), None
        for packet in waiting:
            if packet is not NOOP_PACKET:
                new.send(frame(packet))


def frame(packet: Packet) -> bytes:
    """Return the packet as a frame, made once however many sockets it goes to."""
    made: bytes | None = packet.__dict__.get("frame")
    if made is None:
        encoded = packet.encode()
        made = encode(TEXT, encoded.encode()) if isinstance(encoded, str) else encode(BINARY, bytes(encoded))
        packet.frame = made  # type: ignore[attr-defined]
    return made


def _split(message: str) -> tuple[int, str]:
    """Return a packet's type, OPEN for what is none, and its data."""
    return (int(message[0]), message[1:]) if message[:1] in "123456" and message else (OPEN, "")
