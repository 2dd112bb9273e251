"""The body of a request that a view reads while it comes: bounded in memory, however large it is."""

from collections import deque
from collections.abc import Callable
from io import RawIOBase
from time import monotonic
from typing import Any

from .. import green
from ..errors import ChatError

#: Bytes that may wait for the view; then the client has to.
WINDOW = 256 << 10
#: Bytes a second that a client must send while the view waits for them, and seconds over which they are counted.
LEAST_RATE = 8 << 10
RATE_WINDOW = 30.0


class BodyStream(RawIOBase):
    """`wsgi.input` of a streamed request. The loop puts pieces in, the view's green thread reads them."""

    def __init__(self) -> None:
        #: Called when the view waits for what has not come, or has made room.
        self.on_demand: Callable[[], None] | None = None
        #: Whether everything has come.
        self.is_complete = False
        self._pieces: deque[Any] = deque()
        self._size = 0
        self._error: ChatError | None = None
        self._arrived: green.Signal | None = None
        self._counted = 0
        self._waited = 0.0
        self._waits_since = 0.0

    @property
    def is_full(self) -> bool:
        """Whether no more should be read until the view has."""
        return self._size >= WINDOW

    @property
    def is_growing(self) -> bool:
        """Whether more may come."""
        return not self.is_complete and self._error is None

    # what the loop says

    def put(self, piece: bytes) -> None:
        """Add what has come."""
        if self.is_growing:
            self._pieces.append(memoryview(piece))
            self._size += len(piece)
            self._counted += len(piece)
            self._wake()

    def complete(self) -> None:
        """Everything has come."""
        self.is_complete = True
        self._wake()

    def fail(self, status: int, code: str, detail: str | None = None) -> None:
        """Have the view's next read raise this: the rest will not come."""
        if self.is_growing:
            self._error = ChatError(status, code, detail)
            self._pieces.clear()
            self._wake()

    def is_too_slow(self) -> bool:
        """Whether the view waited for most of the time since this was last asked, and too little came."""
        now = monotonic()
        waited = self._waited + (now - self._waits_since if self._arrived else 0)
        is_slow = waited > RATE_WINDOW / 2 and self._counted < LEAST_RATE * waited
        self._counted, self._waited, self._waits_since = 0, 0.0, now
        return is_slow

    # what the view says

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes, 0 at the end. Raises `ChatError` when the rest does not come, or is too much."""
        while not self._pieces and self.is_growing:
            self._arrived, self._waits_since = green.Signal(), monotonic()
            if self.on_demand:
                self.on_demand()
            self._arrived.wait()
            self._arrived = None
            self._waited += monotonic() - self._waits_since
        if self._error:
            raise self._error
        if not self._pieces:
            return 0
        piece = self._pieces[0]
        size = min(len(buffer), len(piece))
        buffer[:size] = piece[:size]
        if size < len(piece):
            self._pieces[0] = piece[size:]
        else:
            self._pieces.popleft()
        was_full = self.is_full
        self._size -= size
        if was_full and not self.is_full and self.on_demand:
            self.on_demand()
        return size

    def _wake(self) -> None:
        if self._arrived:
            self._arrived.set()
