"""HTTP over one connection: each request has a green thread of its own, one after the other.

Everything that a client may drag out has an end: idling, headers, body, and reading the answer.
"""

from typing import TYPE_CHECKING

from .. import green
from .answer import refusal
from .connection import Connection
from .patience import Patience
from .reader import Reader
from .request import base_environ
from .stream import RATE_WINDOW, BodyStream

if TYPE_CHECKING:
    from .gate import Gate

#: Seconds that a connection may wait for its next request.
IDLE_TIMEOUT = 75
#: Seconds from a request's first byte to the end of its headers.
HEADER_TIMEOUT = 10
#: Seconds from the end of the headers to the end of the body.
BODY_TIMEOUT = 60
#: Seconds that a client may be slow to read an answer, and bytes a second that it must read besides.
READ_TIMEOUT = 10
LEAST_RATE = 32 << 10

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Http:
    """The HTTP of one connection. Its gate answers a request in a green thread, which calls `answered` at its end."""

    __slots__ = (
        "_drained", "_gate", "_is_answering", "_owes_continue", "_patience", "_reader", "_stream", "connection",
        "is_for_sockets", "is_taken_over", "keep_alive",
    )  # fmt: skip

    def __init__(self, gate: "Gate", connection: Connection) -> None:
        self.connection = connection
        #: Whether the connection stays after the answer that is being made.
        self.keep_alive = True
        #: Whether the request that is being answered is one of Engine.IO's.
        self.is_for_sockets = False
        #: Whether it is a WebSocket by now.
        self.is_taken_over = False
        self._gate = gate
        self._reader = Reader(base_environ(gate.address, connection.peer), gate.max_body, gate.streams)
        self._is_answering = False
        #: The body that the request which is being answered reads while it comes.
        self._stream: BodyStream | None = None
        self._owes_continue = False
        self._patience: Patience | None = None
        self._drained: green.Signal | None = None
        self._set_deadline()

    @property
    def rest(self) -> bytes:
        """What the client sent after the headers that asked for a WebSocket."""
        return self._reader.rest

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way, from the end of its headers on; those of Engine.IO wait by design."""
        if self._is_answering:
            return not self.is_for_sockets
        return bool(self._reader.waiting) or self._reader.is_in_body or self.connection.is_stalled

    def end_when_idle(self) -> None:
        """Close now, or after the answer that is being made: the server stops."""
        self.keep_alive = False
        if not self.is_busy and not self._is_answering:
            self.connection.close()

    # what the loop says

    def received(self, data: bytes) -> None:
        self._reader.feed(data)
        request = self._reader.request
        if self._stream and (self._stream.is_full or not self._stream.is_growing):
            self.connection.pause()
        if request and request.expects and not self._is_answering and not self._reader.waiting:
            request.expects = False
            if not request.size:
                self.connection.write(CONTINUE)
        self.go_on()

    def ended(self) -> None:
        self._reader.end()
        self.go_on()

    def go_on(self) -> None:
        """Start the next request, or see to what is missing."""
        if self._is_answering or not self.connection.is_open:
            return
        reader = self._reader
        if reader.waiting:
            request = reader.waiting.popleft()
            self._is_answering = True
            self.connection.pause()  # what is sent meanwhile waits on the client's side
            self.keep_alive = self.keep_alive and request.keep_alive
            self._stream, self._owes_continue = request.stream, request.expects
            if self._stream:
                self._stream.on_demand = self._demanded
                self.connection.set_deadline(RATE_WINDOW)
            self._gate.serve(self, request.complete(), request.is_upgrade)
        elif reader.is_over:
            if reader.refusal:
                self.connection.write(refusal(reader.refusal))
            self.connection.finish()
        else:
            self.connection.resume()
            if reader.has_advanced:
                self._set_deadline()

    def stalled(self) -> None:
        self.connection.set_deadline(READ_TIMEOUT + self.connection.waiting_bytes / LEAST_RATE)

    def drained(self) -> None:
        if self._drained:
            self._drained.set()
        self._reader.has_advanced = True
        self.go_on()

    def overflowed(self) -> None:
        self.connection.close()

    def on_time(self, now: float) -> None:
        if self.connection.is_stalled:
            self.connection.close()
        elif self._stream and self._stream.is_growing:
            if self._stream.is_too_slow():
                self._stream.fail(400, "body_too_slow")
            self.connection.set_deadline(RATE_WINDOW)
        elif not self._is_answering:
            if self._reader.is_in_body:
                self._reader.refuse(400, "body_too_slow", "The body took too long.")
                self.go_on()
            else:
                self.connection.close()

    def lost(self) -> None:
        self._reader.waiting.clear()
        self._reader.end()
        if self._drained:
            self._drained.set()

    # what the green thread of a request says

    def write(self, data: bytes) -> None:
        """Send a piece of an answer when the one before it has gone. Raises `ConnectionError` when it will not go."""
        self._owes_continue = False
        while self.connection.is_stalled:
            self._drained = green.Signal()
            self._drained.wait()
            self._drained = None
        if not self.connection.is_open:
            raise ConnectionAbortedError
        self.connection.write(data)

    def begins_to_answer(self, status: int) -> None:
        """The head of the answer is about to be made: it says whether the connection stays."""
        if self._stream and not self._stream.is_complete:
            self.keep_alive = False  # the client is still sending
        if status == 429:
            self._patience = self._patience or Patience()
            if self._patience.ends():
                self.keep_alive = False

    def take_over(self, accepted: bytes) -> None:
        """Send this as the answer, after which the connection is a WebSocket. Raises `ConnectionError`."""
        self.write(accepted)
        self.is_taken_over = True

    def answered(self) -> None:
        """The answer is written: go on with the next request, or close."""
        self._is_answering = False
        stream, self._stream = self._stream, None
        if self.is_taken_over:
            return
        if stream and not stream.is_complete:
            self.keep_alive = False
            stream.fail(400, "malformed_request")  # for a view that has kept it
        if self.keep_alive:
            self._reader.has_advanced = True
            self.go_on()
        else:
            self.connection.finish()

    def _demanded(self) -> None:
        """The view wants more of the body."""
        if self._owes_continue and self.connection.is_open:
            self._owes_continue = False
            self.connection.write(CONTINUE)
        self.connection.resume()

    def _set_deadline(self) -> None:
        """Give what comes next its time; who reads an answer has another deadline."""
        reader = self._reader
        reader.has_advanced = False
        if not self.connection.is_stalled:
            is_idle = reader.request is None
            self.connection.set_deadline(
                IDLE_TIMEOUT if is_idle else BODY_TIMEOUT if reader.is_in_body else HEADER_TIMEOUT
            )
