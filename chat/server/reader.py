"""What a connection sends, as requests: whole ones in their order, one that is growing, and what is wrong with them."""

from collections import deque
from typing import Any

import httptools

from ..errors import ChatError
from .request import MAX_HEAD, MAX_TARGET, Request

#: Bytes on the wire for each byte that a body may have: chunks may be small, but not without end.
OVERHEAD = 8


class _Enough(Exception):
    """Ends the parser: what follows is not read."""


class Reader:
    """Reads requests. Its `on_` methods are called by the parser."""

    __slots__ = (
        "_base", "_max_body", "_parser", "_streams", "_unread", "has_advanced", "is_over", "refusal", "request",
        "rest", "waiting",
    )  # fmt: skip

    def __init__(self, base: dict[str, Any], max_body: int, streams: dict[tuple[str, str], int]) -> None:
        self._base = base
        self._max_body = max_body
        self._streams = streams
        self._parser: Any = httptools.HttpRequestParser(self)
        self._unread = 0
        #: Requests that have come as a whole, are too large to be read any further, or stream their body.
        self.waiting: deque[Request] = deque()
        #: The one that is on its way.
        self.request: Request | None = None
        #: Whether a request, its headers or its body have begun or ended since this was last set to False.
        self.has_advanced = False
        #: Whether nothing more is read, and what is to be answered after the requests that wait.
        self.is_over = False
        self.refusal: ChatError | None = None
        #: What the client sent after the headers that asked for another protocol.
        self.rest = b""

    @property
    def is_in_body(self) -> bool:
        """Whether the headers of a request have come and its body has not."""
        return self.request is not None and self.request.has_head

    def feed(self, data: bytes) -> None:
        """Read what has come."""
        if self.is_over:
            return
        self._unread += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.is_over = True
            self.rest = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            self.is_over = True
            if not isinstance(error.__context__, _Enough):
                self.refuse(400, "malformed_request", "This is no HTTP request that can be read in one way only.")
        request = self.request
        max_unread = (request.max_body + MAX_HEAD) * OVERHEAD if request and request.has_head else MAX_HEAD + MAX_TARGET
        if request and self._unread > max_unread:
            self.refuse(431, "headers_too_large", "The headers are too large, or too many.")

    def end(self) -> None:
        """Nothing more comes."""
        self.is_over = True
        if self.request and self.request.stream:
            self.request.stream.fail(400, "malformed_request", "The body ended before its end.")
        self.request = None

    def refuse(self, status: int, code: str, detail: str) -> None:
        """Read no more; this problem is the last answer."""
        self.end()
        self.refusal = ChatError(status, code, detail)

    def on_message_begin(self) -> None:
        self.request = Request()
        self.has_advanced = True

    def on_url(self, piece: bytes) -> None:
        self._check(self.request.add_target, piece)  # type: ignore[union-attr]

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.is_in_body:  # what comes after a chunked body is of no use to anyone
            self._check(self.request.add_header, name, value)  # type: ignore[union-attr]

    def on_headers_complete(self) -> None:
        request, parser = self.request, self._parser
        request.is_upgrade = parser.should_upgrade()  # type: ignore[union-attr]
        request.keep_alive = parser.should_keep_alive() and not parser.should_upgrade()  # type: ignore[union-attr]
        method, version = parser.get_method().decode(), parser.get_http_version()
        self._check(request.end_head, method, version, self._base, self._max_body, self._streams)  # type: ignore[union-attr]
        self._advance()
        if request.stream:  # type: ignore[union-attr]
            self.waiting.append(request)  # type: ignore[arg-type]
        self._check_body()

    def on_body(self, piece: bytes) -> None:
        self.request.add_body(piece)  # type: ignore[union-attr]
        self._check_body()

    def on_message_complete(self) -> None:
        if stream := self.request.stream:  # type: ignore[union-attr]
            stream.complete()
        else:
            self.waiting.append(self.request)  # type: ignore[arg-type]
        self.request = None
        self._advance()

    def _advance(self) -> None:
        self._unread = 0
        self.has_advanced = True

    def _check(self, check: Any, *args: Any) -> None:
        try:
            check(*args)
        except ChatError as error:
            self.refuse(error.status, error.code, error.detail)
            raise _Enough from None

    def _check_body(self) -> None:
        """Pass on a request whose body is too large without reading further: the app refuses it."""
        if self.request and self.request.body is None:
            self.request.keep_alive = False
            if not self.request.stream:
                self.waiting.append(self.request)
            self.request = None
            raise _Enough
