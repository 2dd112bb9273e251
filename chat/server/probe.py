"""From polling to a WebSocket: the client tries one, and changes to it when it works."""

from typing import TYPE_CHECKING

from engineio.packet import PING, PONG, UPGRADE, Packet

from .engine import NOOP_PACKET, frame
from .frames import POLICY
from .websocket import WebSocket

if TYPE_CHECKING:
    from .session import Socket

ANSWER = frame(Packet(PONG, data="probe"))


class Probe:
    """A WebSocket that a polling client tries. It goes on polling when this does not work."""

    __slots__ = (
        "_new", "_socket",
    )  # fmt: skip

    def __init__(self, socket: "Socket", new: WebSocket) -> None:
        self._socket = socket
        self._new = new

    def heard(self, message: str | bytes) -> bool:
        if message == f"{PING}probe":
            self._new.send(ANSWER)
            self._socket.send(NOOP_PACKET)  # ends the request that waits
        elif message == str(UPGRADE):
            self._new.owner = self._socket
            self._socket.change_to(self._new)
        else:
            self._new.close(POLICY)
        return True

    def lost(self, code: int) -> None:
        self._socket.candidate = None
