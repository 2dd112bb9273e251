"""Packets before they are events. A packet that cannot be read ends its connection, and nothing else.

python-engineio and python-socketio trust what clients send: a packet that cannot be read makes a traceback in the
log, a polling request that never ends, or a session that is forgotten only a minute later.
"""

import logging
from types import SimpleNamespace
from typing import Any

import engineio
import engineio.socket
import socketio
from engineio.exceptions import EngineIOError, SocketIsClosedError
from engineio.packet import MESSAGE
from socketio.packet import ACK, BINARY_ACK, BINARY_EVENT, EVENT

from .frames import Message, unmask

log = logging.getLogger(__name__)

#: Binary parts of one event. Our events have none; the schema of an event refuses them.
MAX_ATTACHMENTS = 8


class Packet(socketio.packet.Packet):
    """A Socket.IO packet. Reading one raises `ValueError` when it cannot be read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("encoded_packet") in ("", b""):  # which the original takes for no packet at all
            raise ValueError("an empty packet")
        super().__init__(*args, **kwargs)

    def decode(self, encoded_packet: Any) -> int:
        if not isinstance(encoded_packet, str):
            raise ValueError("an attachment of nothing")
        try:
            attachments: int = super().decode(encoded_packet)
        except RecursionError:
            raise ValueError("nested too deep") from None
        if self.packet_type in (EVENT, BINARY_EVENT, ACK, BINARY_ACK) and not isinstance(self.data, list):
            raise ValueError("no list of arguments")
        if self.packet_type in (EVENT, BINARY_EVENT) and not self.data:
            raise ValueError("no name of an event")
        if self.packet_type in (BINARY_EVENT, BINARY_ACK) and not 1 <= attachments <= MAX_ATTACHMENTS:
            raise ValueError("no attachments, or too many")
        return attachments

    def add_attachment(self, attachment: Any) -> bool:
        try:
            return bool(super().add_attachment(attachment))
        except (LookupError, TypeError, RecursionError):
            raise ValueError("a placeholder without its attachment") from None


class Socket(engineio.socket.Socket):
    """One Engine.IO connection, which ends with the first packet that cannot be read."""

    def receive(self, pkt: Any) -> None:
        """Handle one packet. Raises `SocketIsClosedError` when it has ended the connection."""
        try:
            if pkt.packet_type == MESSAGE:
                # Not by way of the server's `_trigger_event`, which logs every error and goes on.
                self.server.handlers["message"](self.sid, pkt.data)
            else:
                super().receive(pkt)
        except (ValueError, EngineIOError) as error:
            self._end(error)
            raise SocketIsClosedError() from None
        except Exception as error:
            log.exception("a packet could not be handled")
            self._end(error)
            raise SocketIsClosedError() from None

    def handle_post_request(self, environ: dict[str, Any]) -> None:
        """Handle the packets of a polling client. Raises `EngineIOError`, answered with 400, when they end it."""
        try:
            super().handle_post_request(environ)
        except Exception as error:  # `receive` lets no error of ours through: these are the library's, reading the body
            self._end(error)
            raise EngineIOError() from None

    def _websocket_handler(self, ws: Any) -> Any:
        ws.log = SimpleNamespace(write=log.debug)  # where eventlet tells that it closed a socket twice
        ws.Message, ws._apply_mask = Message, unmask
        try:
            return super()._websocket_handler(ws)
        except Exception as error:  # as above
            self._end(error)
            return []

    def _end(self, error: Exception) -> None:
        log.info("a connection ends: %s", str(error)[:100] or type(error).__name__)
        # Not waiting for what is queued: a polling client may never fetch it.
        self.close(wait=False, abort=True, reason=engineio.Server.reason.TRANSPORT_ERROR)


def init() -> None:
    """Make Engine.IO use our socket, for which it has no option. Call it before the server is made."""
    engineio.socket.Socket = Socket  # type: ignore[misc]
