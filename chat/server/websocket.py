"""WebSockets as RFC 6455 has them: frames, messages of one or several, pings, and how they end.

Without extensions: permessage-deflate would keep two windows for each socket, 140 KB.
"""

from typing import Any, Protocol

from .connection import LINGER_TIMEOUT, Connection
from .frames import (
    BINARY,
    CLIENT_CODES,
    CLOSE,
    CONTINUATION,
    NORMAL,
    NOT_UTF8,
    PING,
    POLICY,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    TOO_LARGE,
    encode,
    unmask,
)  # fmt: skip
from .patience import Patience

#: Frames of one socket in one turn of the loop; then others have theirs.
FRAMES_PER_TURN = 64
#: Seconds in which a client that does not keep up must read something.
STALL_TIMEOUT = 60


class Owner(Protocol):
    """Whose WebSocket it is. The loop calls it: nothing in it may wait."""

    def heard(self, message: str | bytes) -> bool:
        """A message has come. Return whether there may be more; if not, call `go_on` later."""

    def lost(self, code: int) -> None:
        """The WebSocket has ended, with the code that we or the client gave, 1006 for none."""


class WebSocket:
    """One WebSocket, after its handshake."""

    __slots__ = (
        "_connection", "_input", "_max_message", "_message", "_needed", "_opcode", "_patience", "owner",
    )  # fmt: skip

    def __init__(self, connection: Connection, owner: Owner, max_message: int) -> None:
        self._connection = connection
        #: Whom messages go to; None when it has ended.
        self.owner: Owner | None = owner
        self._max_message = max_message
        self._input: bytes | bytearray = b""
        self._needed = 2
        self._message: bytearray | None = None
        self._opcode = 0
        self._patience: Patience | None = None
        connection.speaker = self
        connection.loop.timers.cancel(connection)

    def start(self, data: bytes) -> None:
        """Begin to read, with what the client sent right after its handshake."""
        self._input = data
        self.go_on()

    def send(self, frame: bytes) -> None:
        """Send a frame that `encode` made."""
        self._connection.write(frame)

    def tries_patience(self) -> bool:
        """Count something that was sent in vain; return whether the WebSocket should end for it."""
        self._patience = self._patience or Patience()
        return self._patience.ends()

    def close(self, code: int = NORMAL) -> None:
        """Say goodbye, and close when the client has read it; what else waits for it is dropped."""
        owner, self.owner = self.owner, None
        if owner and self._connection.is_open:
            self._input = b""
            self._connection.replace_queue(encode(CLOSE, code.to_bytes(2, "big")))
            self._connection.finish()
            self._connection.set_deadline(LINGER_TIMEOUT)
        if owner:
            owner.lost(code)

    # what the loop says

    def received(self, data: bytes) -> None:
        if self._input:
            self._input = bytearray(self._input) if isinstance(self._input, bytes) else self._input
            self._input += data
        else:
            self._input = data
        if len(self._input) >= self._needed:
            self.go_on()

    def go_on(self) -> None:
        """Read the frames that have come, as many as one turn allows."""
        try:
            wants_more = self._read_frames()
        except _Failure as failure:
            self.close(failure.code)
            return
        if self.owner is None:
            return
        if wants_more:
            self._connection.resume()
        else:
            self._connection.pause()

    def ended(self) -> None:
        self._connection.close()

    def stalled(self) -> None:
        self._connection.moved = False
        self._connection.set_deadline(STALL_TIMEOUT)

    def drained(self) -> None:
        self._connection.loop.timers.cancel(self._connection)

    def overflowed(self) -> None:
        self.close(POLICY)

    def on_time(self, now: float) -> None:
        if self._connection.moved:
            self.stalled()
        else:
            self._connection.close()

    def lost(self) -> None:
        owner, self.owner = self.owner, None
        if owner:
            owner.lost(1006)

    # inside

    def _read_frames(self) -> bool:
        """Handle the frames in the input; return whether to read on. Raises `_Failure`."""
        data, at, size = self._input, 0, len(self._input)
        wants_more, budget = True, FRAMES_PER_TURN
        while wants_more and self.owner and size - at >= 2:
            if not budget:
                wants_more = False
                self._connection.loop.poller.again(self._connection)
                break
            start, length, opcode = self._read_head(data, at, size)
            if size - start < length:
                self._needed = start - at + length
                break
            payload = unmask(bytes(data[start : start + length]), bytes(data[start - 4 : start]))
            is_last = data[at] & 0x80
            at = start + length
            self._needed = 2
            budget -= 1
            wants_more = self._handle(opcode, payload, bool(is_last))
        if at:
            self._input = bytes(data[at:])
        return wants_more

    def _read_head(self, data: Any, at: int, size: int) -> tuple[int, int, int]:
        """Return where the payload of the frame at `at` starts, its length and opcode. Raises `_Failure`."""
        first, second = data[at], data[at + 1]
        opcode, length = first & 0x0F, second & 0x7F
        if first & 0x70 or not second & 0x80:
            raise _Failure(PROTOCOL_ERROR)  # an extension that was not agreed on; a frame without a mask
        if opcode >= CLOSE:
            if opcode > PONG or length > 125 or not first & 0x80:
                raise _Failure(PROTOCOL_ERROR)
        elif opcode > BINARY or (opcode == CONTINUATION) != (self._message is not None):
            raise _Failure(PROTOCOL_ERROR)
        extended = {126: 2, 127: 8}.get(length, 0)
        start = at + 2 + extended + 4
        if extended:
            if size < start - 4:
                return start, 0, opcode  # the length itself has not come: there is less than `start`
            length = int.from_bytes(data[at + 2 : at + 2 + extended], "big")
        if length + len(self._message or b"") > self._max_message:
            raise _Failure(TOO_LARGE)
        return start, length, opcode

    def _handle(self, opcode: int, payload: bytes, is_last: bool) -> bool:
        if opcode in (TEXT, BINARY) and is_last:
            return self._deliver(opcode, payload)
        if self.tries_patience():
            raise _Failure(POLICY)
        if opcode == PING:
            self.send(encode(PONG, payload))
        elif opcode == CLOSE:
            self._handle_close(payload)
        elif opcode in (TEXT, BINARY):
            self._opcode, self._message = opcode, bytearray(payload)
        elif opcode == CONTINUATION and self._message is not None:
            self._message += payload
            if is_last:
                message, self._message = bytes(self._message), None
                return self._deliver(self._opcode, message)
        return True

    def _deliver(self, opcode: int, payload: bytes) -> bool:
        if opcode == BINARY:
            return self.owner.heard(payload)  # type: ignore[union-attr]
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            raise _Failure(NOT_UTF8) from None
        return self.owner.heard(text)  # type: ignore[union-attr]

    def _handle_close(self, payload: bytes) -> None:
        code = int.from_bytes(payload[:2], "big") if payload else NORMAL
        if len(payload) == 1 or code not in CLIENT_CODES:
            raise _Failure(PROTOCOL_ERROR)
        try:
            payload[2:].decode()
        except UnicodeDecodeError:
            raise _Failure(NOT_UTF8) from None
        self.close(code)


class _Failure(Exception):
    """What the client sent ends the WebSocket with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
