"""HTTP over one connection: read what is sent, start a green thread for each request, one after the other.

Everything that a client may drag out has an end: idling, headers, body, and reading the answer.
"""

from collections import deque
from typing import TYPE_CHECKING, Any

import httptools

from ..errors import ChatError
from . import green
from .answer import refusal
from .connection import Connection
from .request import MAX_HEAD, MAX_TARGET, Request, base_environ

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
#: Bytes on the wire for each byte that a body may have: chunks may be small, but not without end.
OVERHEAD = 8

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Enough(Exception):
    """Ends the parser: what follows is not read."""


class Http:
    """The HTTP of one connection. Its gate answers a request in a green thread, which calls `answered` at its end."""

    __slots__ = (
        "_base", "_drained", "_gate", "_is_answering", "_is_over", "_parser", "_phase", "_refusal", "_request",
        "_unread", "_waiting", "connection", "is_for_sockets", "is_taken_over", "keep_alive", "rest",
    )  # fmt: skip

    def __init__(self, gate: "Gate", connection: Connection) -> None:
        self.connection = connection
        self._gate = gate
        self._parser: Any = httptools.HttpRequestParser(self)
        self._base = base_environ(gate.address, connection.peer)
        #: Whether the connection stays after the answer that is being made.
        self.keep_alive = True
        #: Whether it is a WebSocket by now.
        self.is_taken_over = False
        #: What the client sent after the headers that asked for a WebSocket.
        self.rest = b""
        #: Whether the request that is being answered is one of Engine.IO's.
        self.is_for_sockets = False
        self._request: Request | None = None
        self._waiting: deque[Request] = deque()
        self._is_answering = False
        self._refusal: ChatError | None = None
        #: Whether nothing more is read as a request.
        self._is_over = False
        self._unread = 0
        #: The seconds that the present phase may take, 0 when it has just begun.
        self._phase = 0
        self._drained: green.Signal | None = None
        self._set_deadline()

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way, from the end of its headers on; those of Engine.IO wait by design."""
        request = self._request
        under_way = self._is_answering or self._waiting or (request and request.has_head) or self.connection.is_stalled
        return bool(under_way) and not (self._is_answering and self.is_for_sockets)

    def end_when_idle(self) -> None:
        """Close now, or after the answer that is being made: the server stops."""
        self.keep_alive = False
        if not self.is_busy and not self._is_answering:
            self.connection.close()

    # what the loop says

    def received(self, data: bytes) -> None:
        if self._is_over:
            return
        self._unread += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._is_over = True
            self.rest = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            self._is_over = True
            if not isinstance(error.__context__, _Enough):
                self._refuse(400, "malformed_request", "This is no HTTP request that can be read in one way only.")
        self._check_size()
        self._tell_to_continue()
        self.go_on()

    def ended(self) -> None:
        self._is_over = True
        self._request = None
        self.go_on()

    def go_on(self) -> None:
        """Start the next request, or see to what is missing."""
        if self._is_answering or not self.connection.is_open:
            return
        if self._waiting:
            request = self._waiting.popleft()
            self._is_answering = True
            self.connection.pause()  # what is sent meanwhile waits on the client's side
            self.keep_alive = self.keep_alive and request.keep_alive
            self._gate.serve(self, request.complete(), request.is_upgrade)
        elif self._refusal or self._is_over:
            if self._refusal:
                self.connection.write(refusal(self._refusal))
            self.connection.finish()
        else:
            self.connection.resume()
            self._set_deadline()

    def stalled(self) -> None:
        self.connection.set_deadline(READ_TIMEOUT + self.connection.waiting_bytes / LEAST_RATE)

    def drained(self) -> None:
        if self._drained:
            self._drained.set()
        self._phase = 0
        self.go_on()

    def overflowed(self) -> None:
        self.connection.close()

    def on_time(self, now: float) -> None:
        if self.connection.is_stalled:
            self.connection.close()
        elif not self._is_answering:
            if self._request and self._request.has_head:
                self._refuse(400, "body_too_slow", "The body took too long.")
                self.go_on()
            else:
                self.connection.close()

    def lost(self) -> None:
        self._waiting.clear()
        self._request = None
        if self._drained:
            self._drained.set()

    # what the parser says

    def on_message_begin(self) -> None:
        self._request = Request()
        self._phase = 0

    def on_url(self, piece: bytes) -> None:
        self._check(self._request.add_target, piece)  # type: ignore[union-attr]

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._request.has_head:  # type: ignore[union-attr]
            self._check(self._request.add_header, name, value)  # type: ignore[union-attr]
        # What comes after a chunked body is of no use to anyone.

    def on_headers_complete(self) -> None:
        request, parser = self._request, self._parser
        request.is_upgrade = parser.should_upgrade()  # type: ignore[union-attr]
        request.keep_alive = parser.should_keep_alive() and not parser.should_upgrade()  # type: ignore[union-attr]
        method, version = parser.get_method().decode(), parser.get_http_version()
        self._check(request.end_head, method, version, self._base, self._gate.max_body)  # type: ignore[union-attr]
        self._unread = self._phase = 0
        self._check_body()

    def on_body(self, piece: bytes) -> None:
        self._request.add_body(piece, self._gate.max_body)  # type: ignore[union-attr]
        self._check_body()

    def on_message_complete(self) -> None:
        self._waiting.append(self._request)  # type: ignore[arg-type]
        self._request = None
        self._unread = self._phase = 0

    # what the green thread of a request says

    def write(self, data: bytes) -> None:
        """Send a piece of an answer when the one before it has gone. Raises `ConnectionError` when it will not go."""
        while self.connection.is_stalled:
            self._drained = green.Signal()
            self._drained.wait()
            self._drained = None
        if not self.connection.is_open:
            raise ConnectionAbortedError
        self.connection.write(data)

    def take_over(self, accepted: bytes) -> None:
        """Send this as the answer, after which the connection is a WebSocket. Raises `ConnectionError`."""
        self.write(accepted)
        self.is_taken_over = True

    def answered(self) -> None:
        """The answer is written: go on with the next request, or close."""
        self._is_answering = False
        self._phase = 0
        if self.is_taken_over:
            return
        if self.keep_alive:
            self.go_on()
        else:
            self.connection.finish()

    # inside

    def _check(self, check: Any, *args: Any) -> None:
        try:
            check(*args)
        except ChatError as error:
            self._refuse(error.status, error.code, error.detail)
            raise _Enough from None

    def _check_body(self) -> None:
        """Answer a request whose body is too large without reading on."""
        if self._request and self._request.body is None:
            self._request.keep_alive = False
            self._waiting.append(self._request)
            self._request = None
            raise _Enough

    def _check_size(self) -> None:
        if self._request and not self._is_over:
            has_head = self._request.has_head
            if self._unread > ((self._gate.max_body + MAX_HEAD) * OVERHEAD if has_head else MAX_HEAD + MAX_TARGET):
                self._refuse(431, "headers_too_large", "The headers are too large, or too many.")

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer this problem after the requests before it, and end the connection."""
        self._is_over = True
        self._request = None
        self._refusal = ChatError(status, code, detail)

    def _tell_to_continue(self) -> None:
        request = self._request
        if request and request.expects and not self._is_answering and not self._waiting:
            request.expects = False
            if not request.size:
                self.connection.write(CONTINUE)

    def _set_deadline(self) -> None:
        """Give the present phase its time from its beginning; who reads an answer has another deadline."""
        if not self._phase and not self.connection.is_stalled:
            request = self._request
            self._phase = IDLE_TIMEOUT if request is None else BODY_TIMEOUT if request.has_head else HEADER_TIMEOUT
            self.connection.set_deadline(self._phase)
