"""One client's socket: reading in pieces, writing at once, and an end to both."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from time import monotonic
from typing import Any, Protocol

from .. import green
from .loop import Loop
from .poller import GONE, READ, WRITE

#: Seconds for a client to read what it was told last, before its connection is closed.
LINGER_TIMEOUT = 2
#: Pieces of the queue that are given to the system at once.
PIECES = 64

_buffer = bytearray(1 << 16)
_view = memoryview(_buffer)


class Speaker(Protocol):
    """What is spoken over a connection: HTTP, or a WebSocket. The loop calls it: nothing in it may wait."""

    def received(self, data: bytes) -> None:
        """Bytes have come."""

    def ended(self) -> None:
        """The client sends no more; it may still read."""

    def go_on(self) -> None:
        """It is this connection's turn again."""

    def stalled(self) -> None:
        """The client does not read as fast as we write: what is left waits in the queue."""

    def drained(self) -> None:
        """The queue is empty again."""

    def overflowed(self) -> None:
        """The queue is full, and what was to be added is lost."""

    def on_time(self, now: float) -> None:
        """The deadline has come."""

    def lost(self) -> None:
        """The connection is closed."""


class Connection:
    """One client's socket, from its acceptance to its end."""

    __slots__ = (
        "_events", "_finishing", "_on_close", "_queue", "_queued", "_reads", "due", "fileno", "loop", "moved",
        "peer", "slot", "socket", "speaker",
    )  # fmt: skip

    def __init__(
        self, loop: Loop, socket: Any, peer: tuple[Any, ...], on_close: Callable[["Connection"], None]
    ) -> None:
        self.loop = loop
        self.socket = socket
        self.fileno: int = socket.fileno()
        self.peer = peer
        self.speaker: Speaker | None = None
        self.due = 0.0
        self.slot = 0
        #: Whether something has been sent out of the queue since this was last set to False.
        self.moved = False
        self._events = READ
        self._queue: deque[Any] | None = None
        self._queued = 0
        self._reads = True
        self._finishing = False
        self._on_close = on_close
        loop.poller.add(self.fileno, self, READ)

    @property
    def is_open(self) -> bool:
        """Whether something that is written now may still arrive."""
        return self.socket is not None and not self._finishing

    @property
    def is_stalled(self) -> bool:
        """Whether something waits until the client reads."""
        return self._queue is not None

    @property
    def waiting_bytes(self) -> int:
        """How much waits until the client reads."""
        return len(self._queue[0]) + self._queued if self._queue else 0

    def set_deadline(self, seconds: float) -> None:
        """Have `speaker.on_time` called in so many seconds, in place of the deadline before."""
        if self.socket is not None:
            self.loop.timers.at(self, monotonic() + seconds)

    def write(self, data: Any) -> None:
        """Send `data`, or queue what the system does not take. Over the bound the speaker is told, and ends it."""
        if not self.is_open:
            return
        if self._queue is None:
            try:
                sent = self.socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.close()
                return
            if sent < len(data):
                self._queue = deque([memoryview(data)[sent:]])
                self._queued = 0
                self._wait_for(self._events | WRITE)
                if self.speaker:
                    self.speaker.stalled()
        elif self._queued + len(data) > self.loop.max_queued:
            if self.speaker:
                self.speaker.overflowed()
        else:
            self._queue.append(data)
            self._queued += len(data)

    def replace_queue(self, data: bytes) -> None:
        """Send `data` in place of all that waits, but for the piece whose beginning has gone out."""
        if self._queue:
            self._queue = deque([self._queue[0], data])
            self._queued = 0
        else:
            self.write(data)

    def pause(self) -> None:
        """Read no more until `resume`: what the client sends waits on its side."""
        self._reads = False  # no longer registered for it when there is something, which is rare

    def resume(self) -> None:
        """Read again."""
        self._reads = True
        if self.socket is not None and not self._events & READ:
            self._wait_for(self._events | READ)

    def finish(self) -> None:
        """Close when the queue is empty and the client has read it, which it gets a moment for.

        Closing at once, while it still sends, would reset the connection under what it was told last.
        """
        if self.is_open:
            self._finishing = True
            if self._queue is None:
                self._shut()

    def close(self) -> None:
        """Close at once; what waits is dropped."""
        if self.socket is None:
            return
        self.loop.poller.remove(self.fileno)
        self.loop.timers.cancel(self)
        with suppress(OSError):
            self.socket.close()
        speaker, self.socket, self.speaker, self._queue = self.speaker, None, None, None
        self._on_close(self)
        if speaker:
            speaker.lost()

    abort = close

    def ready(self, events: int) -> None:
        if events & GONE:
            self.close()
            return
        if events & WRITE:
            self._flush()
        if events & READ and self.socket is not None:
            if self._reads or self._finishing:
                self._read()
            else:
                self._wait_for(self._events & ~READ)

    def go_on(self) -> None:
        if self.speaker and self.is_open:
            self.speaker.go_on()

    def on_time(self, now: float) -> None:
        if self._finishing or self.speaker is None:
            self.close()
        else:
            self.speaker.on_time(now)

    def _read(self) -> None:
        try:
            size = self.socket.recv_into(_buffer)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if size:
            if self.speaker and not self._finishing:
                self.speaker.received(bytes(_view[:size]))
        elif self._finishing and self._queue is None:
            self.close()
        else:
            self._reads = False
            self._wait_for(self._events & ~READ)
            if self.speaker and not self._finishing:
                self.speaker.ended()

    def _flush(self) -> None:
        queue = self._queue
        if queue is None:
            return
        try:
            sent = self.socket.sendmsg(list(islice(queue, PIECES)))
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self.moved = True
        while queue and sent >= len(queue[0]):
            sent -= len(queue.popleft())
            self._queued -= len(queue[0]) if queue else 0
        if sent:
            queue[0] = memoryview(queue[0])[sent:]
        if not queue:
            self._queue = None
            self._wait_for(self._events & ~WRITE)
            if self._finishing:
                self._shut()
            elif self.speaker:
                self.speaker.drained()

    def _shut(self) -> None:
        try:
            self.socket.shutdown(green.socket.SHUT_WR)
        except OSError:
            self.close()
        else:
            self.set_deadline(LINGER_TIMEOUT)
            self.resume()

    def _wait_for(self, events: int) -> None:
        if events != self._events:
            self._events = events
            self.loop.poller.change(self.fileno, events)
