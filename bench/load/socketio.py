"""Socket.IO clients over one WebSocket each, spoken by hand: text frames without extensions."""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

from .target import Target

TEXT, CLOSE, PING = 1, 8, 9
MESSAGE = b'42["message",'
HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def frame(payload: bytes, head: int = 0x81) -> bytes:
    """Return one frame. It is masked, as a client's must be, with zeros: the same work for the server, none here."""
    size = len(payload)
    if size < 126:
        return bytes((head, 0x80 | size, 0, 0, 0, 0)) + payload
    return bytes((head, 0xFE)) + size.to_bytes(2) + bytes(4) + payload


Hear = Callable[["Session", bytes], None]


class Session(asyncio.Protocol):
    """One Socket.IO session; `hear` is called with itself and each `message` event, as it stands in the frame."""

    def __init__(self, target: Target, user_id: str, hear: Hear | None = None) -> None:
        self.user_id = user_id
        self.hear = hear
        self._target = target
        self._buffer = b""
        self._is_open = False
        self._is_closing = False
        #: Whether the server has ended the connection.
        self.is_lost = False
        self._connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}

    @classmethod
    async def connect(
        cls, target: Target, user_id: str, hear: Hear | None = None, receive_buffer: int = 0
    ) -> "Session":
        """Connect, in token mode with the user's token. Raises `ConnectionError` when the server refuses."""
        session = await target.connect(lambda: cls(target, user_id, hear), receive_buffer)
        await session._connected
        return session

    async def call(self, event: str, data: dict[str, Any]) -> bytes:
        """Send an event and return its acknowledgement, a JSON array. Raises `RuntimeError` when it is an error."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._write(f"42{number}{json.dumps([event, data])}".encode())
        return await answer

    async def join(self, **more: Any) -> bytes:
        return await self.call("join", {"id": self.user_id, **more})

    def pause(self) -> None:
        """Read no more: what is sent to it waits."""
        self._transport.pause_reading()

    def close(self) -> None:
        """Close the connection without a word, as a page does that is closed."""
        self._is_closing = True
        self._transport.abort()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(HANDSHAKE.format(host=self._target.host, port=self._target.port).encode())

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        if not self._is_open:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._fail(ConnectionError(head[:80].decode("latin-1")))
                return
            self._is_open = True
        at, size = 0, len(data)
        while size - at >= 2:
            length, start = data[at + 1], at + 2
            if length > 125:
                start += 2 if length == 126 else 8
                length = int.from_bytes(data[at + 2 : start]) if size >= start else size
            end = start + length
            if end > size:
                break
            self._frame(data[at], data[start:end])
            at = end
        self._buffer = data[at:]

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = not self._is_closing
        self._fail(ConnectionError("the server closed the connection"))

    def _frame(self, head: int, payload: bytes) -> None:
        assert head & 0x80, "the servers here send no fragments"
        if head & 0x0F == PING:
            self._write(payload, 0x8A)
        elif head & 0x0F == TEXT:
            self._packet(payload)

    def _packet(self, packet: bytes) -> None:
        if packet.startswith(MESSAGE):
            if self.hear:
                self.hear(self, packet)
        elif packet.startswith(b"43"):
            self._acknowledged(packet)
        elif packet == b"2":
            self._write(b"3")
        elif packet.startswith(b"0"):
            token = self._target.token(self.user_id)
            self._write(b"40" + (json.dumps({"token": token}).encode() if token else b""))
        elif packet.startswith(b"40"):
            self._connected.set_result(None)
        elif packet.startswith(b"44"):
            self._fail(ConnectionError(packet.decode()))

    def _acknowledged(self, packet: bytes) -> None:
        at = packet.index(b"[")
        answer = self._waiting.pop(int(packet[2:at]))
        if packet.startswith(b'[{"error":', at):
            answer.set_exception(RuntimeError(packet[at : at + 300].decode()))
        else:
            answer.set_result(packet[at:])

    def _write(self, payload: bytes, head: int = 0x81) -> None:
        self._transport.write(frame(payload, head))

    def _fail(self, error: Exception) -> None:
        for each in (self._connected, *self._waiting.values()):
            if not each.done():
                each.set_exception(error)
                each.exception()  # nobody may be waiting for it
