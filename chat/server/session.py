"""Engine.IO's sockets without green threads: what python-engineio's server asks of its `Socket`.

A WebSocket's events wait in its inbox and are handled one after the other by a green thread that ends when there are
none. A polling client's packets wait in its outbox until it asks for them.
"""

import logging
from functools import partial
from time import monotonic
from typing import Any

from engineio.base_server import BaseServer
from engineio.exceptions import EngineIOError
from engineio.packet import CLOSE, MESSAGE, PING, PONG, UPGRADE, Packet

from .. import green
from ..errors import ChatError
from .engine import NOOP_PACKET, Engine, frame, read_payload, split
from .frames import GOING_AWAY, NORMAL, POLICY
from .handshake import accept
from .http import Http
from .inbox import Inbox
from .outbox import Outbox
from .probe import Probe
from .websocket import WebSocket

log = logging.getLogger(__name__)

reason = BaseServer.reason
PING_PACKET = Packet(PING)


class Socket:
    """One Engine.IO connection: a WebSocket, or a client that polls."""

    __slots__ = (
        "_awaits_pong", "_engine", "_inbox", "_outbox", "_reason", "_websocket", "_workers", "candidate", "closed",
        "closing", "connected", "due", "server", "sid", "slot", "upgraded",
    )  # fmt: skip

    def __init__(self, engine: Engine, server: Any, sid: str) -> None:
        self.server = server
        self.sid = sid
        self.connected = self.upgraded = self.closing = self.closed = False
        self.due = 0.0
        self.slot = 0
        self._engine = engine
        self._websocket: WebSocket | None = None
        #: The WebSocket that a polling client tries.
        self.candidate: WebSocket | None = None
        #: None for a WebSocket.
        self._outbox: Outbox | None = Outbox(engine.max_queued)
        self._awaits_pong = False
        self._inbox: Inbox | None = None
        self._workers = 0
        self._reason: str | None = None

    def refused(self) -> None:
        """An event was refused because there were too many, or unknown: who goes on all the same is not kept."""
        if self._websocket and self._websocket.tries_patience():
            self.end(reason.TRANSPORT_ERROR, POLICY)

    # what python-engineio's server calls, in a green thread

    def send(self, packet: Packet) -> None:
        """Send a packet, or keep it until the client asks. Nothing is sent after the end."""
        if self.closed:
            return
        if self._websocket:
            self._websocket.send(frame(packet))
        elif self._outbox and not self._outbox.put(packet):
            self.end(reason.TRANSPORT_ERROR)

    def schedule_ping(self) -> None:
        """Ping the client when the interval is over."""
        self._awaits_pong = False
        self._engine.timers.at(self, monotonic() + self.server.ping_interval)

    def handle_get_request(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Return the packets for a polling client, or take the connection over for a WebSocket."""
        if environ.get("HTTP_UPGRADE", "").lower() == "websocket":
            return self._upgrade(environ)
        if self.candidate or self.upgraded:
            return [NOOP_PACKET]
        return self.poll()

    def handle_post_request(self, environ: dict[str, Any]) -> None:
        """Handle the packets of a polling client. Raises `EngineIOError`, answered with 400, when they end it."""
        self._workers += 1
        try:
            for packet in read_payload(environ, self._engine.max_message):
                if not self.closing:  # nothing comes after a packet that closes
                    self._handle_packet(packet.packet_type, packet.data)
        except Exception as error:
            self._refuse(error)
            raise EngineIOError from None
        finally:
            self._workers -= 1
            self._finish_ending()

    def poll(self) -> list[Packet]:
        """Return the packets that wait, one at least, or none when the socket is closed."""
        packets = self._outbox.take(self.server.ping_interval + self.server.ping_timeout) if self._outbox else []
        return packets or ([] if self.closed else [NOOP_PACKET])

    def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        """End the socket, and tell its client unless `abort`. `wait` is the library's, and means nothing here."""
        if self.closing:
            return
        self.closing = True
        self._inbox = None
        self.server._trigger_event("disconnect", self.sid, reason or BaseServer.reason.SERVER_DISCONNECT)
        if not abort and not self.closed:
            self.send(Packet(CLOSE))
        self._let_go(NORMAL)

    # what the loop calls

    def heard(self, message: str | bytes) -> bool:
        """A message of the WebSocket has come: `Owner.heard`."""
        kind, data = (4, message) if isinstance(message, bytes) else split(message)
        if kind == MESSAGE:
            return self._put(data)
        self.refused()  # a ping is answered once in many seconds
        try:
            self._handle_packet(kind, data)
        except ValueError as error:
            self._refuse(error)
        return True

    def lost(self, code: int) -> None:
        """The WebSocket has ended: `Owner.lost`."""
        self.end(reason.TRANSPORT_CLOSE)

    def on_time(self, now: float) -> None:
        """Ping the client, or end the socket of one that did not answer."""
        is_forgotten = self._outbox and self._outbox.idle_seconds(now) > self.server.ping_timeout
        if self._awaits_pong or is_forgotten:
            self.end(reason.PING_TIMEOUT, GOING_AWAY)
        else:
            self._awaits_pong = True
            self._engine.timers.at(self, now + self.server.ping_timeout)
            self.send(PING_PACKET)

    def end(self, why: str, code: int = NORMAL) -> None:
        """End the socket now. Its handlers are told later, in a green thread, after those that are at work."""
        if not self.closing:
            self.closing = True
            self._reason = why
            if self._outbox:
                self._outbox.take_all()
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
            self._inbox = Inbox()
            self._workers += 1
            green.spawn(self._work)
        self._inbox.put(data)
        return not self._inbox.is_full

    def _work(self) -> None:
        while self._inbox:  # also when the client has gone meanwhile: it has said this before
            was_full = self._inbox.is_full
            try:
                self._engine.handle(self.sid, self._inbox.take())
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
        self._inbox = None
        self.end(reason.TRANSPORT_ERROR, POLICY)

    def _let_go(self, code: int) -> None:
        """Free what the socket holds: nothing is sent or read any longer."""
        self.closed = True
        self.server.sockets.pop(self.sid, None)
        self._engine.timers.cancel(self)
        if self._outbox:
            self._outbox.wake()
        for each in (self._websocket, self.candidate):
            if each:
                each.close(code)
        self._websocket = self.candidate = None

    def _finish_ending(self) -> None:
        if self._reason and not self._workers:
            why, self._reason = self._reason, None
            self._engine.endings.run(partial(self.server._trigger_event, "disconnect", self.sid, why))

    # from polling to a WebSocket, or at once

    def change_to(self, new: WebSocket) -> None:
        """Use this WebSocket from now on, also for what still waits."""
        self.connected = self.upgraded = True
        self.candidate, self._websocket, outbox, self._outbox = None, new, self._outbox, None
        for packet in outbox.take_all() if outbox else ():
            if packet is not NOOP_PACKET:
                new.send(frame(packet))

    def _upgrade(self, environ: dict[str, Any]) -> list[Any]:
        """Speak WebSocket on the request's connection. Raises `ChatError`, or `ConnectionError` when it has gone."""
        if self.candidate or self.upgraded:
            raise EngineIOError
        http: Http = environ["chat.http"]
        try:
            http.take_over(accept(environ))
        except (ChatError, ConnectionError):
            if not self.connected:
                self.end(reason.TRANSPORT_ERROR)
            raise
        new = WebSocket(http.connection, self, self._engine.max_message)
        if self.connected:
            self.candidate = new
            new.owner = Probe(self, new)
        else:
            self.change_to(new)
        new.start(http.rest)
        return []
