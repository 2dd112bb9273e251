"""One request, one green thread, one write for the answer."""

import json
import logging
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..errors import ChatError, problem

if TYPE_CHECKING:
    from .http import Http

log = logging.getLogger(__name__)

#: Bytes of an answer that are gathered for one write; of a longer one the client must read some before more is made.
LUMP = 256 << 10

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Answer:
    """What an app answers to one request."""

    def __init__(self, http: "Http", environ: dict[str, Any]) -> None:
        self._http = http
        self._is_head = environ["REQUEST_METHOD"] == "HEAD"
        self._version = environ["SERVER_PROTOCOL"]
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self._early: list[bytes] = []
        self._is_chunked = False
        self.has_begun = False

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        """WSGI's `start_response`."""
        self._status, self._headers = status, headers
        return self._early.append

    def send(self, result: Iterable[bytes]) -> None:
        """Write the whole answer. Raises `ConnectionError` when the client has gone, or reads too slowly."""
        gathered, size = self._early, sum(map(len, self._early))
        self._early = []
        for piece in result:
            gathered.append(piece)
            size += len(piece)
            if size > LUMP:
                self._write(b"".join(gathered), is_all=False)
                gathered, size = [], 0
        self._write(b"".join(gathered), is_all=True)

    def _write(self, body: bytes, is_all: bool) -> None:
        head = b"" if self.has_begun else self._head(len(body) if is_all else None)
        self.has_begun = True
        if self._is_head:
            body = b""
        elif self._is_chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"0\r\n\r\n" if is_all else b"")
        self._http.write(head + body)

    def _head(self, length: int | None) -> bytes:
        code = int(self._status[:3])
        self._http.begins_to_answer(code)
        lines = [f"HTTP/1.1 {self._status}\r\n"]
        has_length = code in (204, 304)  # which have no body
        for name, value in self._headers:
            if name.lower() == "content-length":
                has_length = True
            lines.append(f"{name}: {value}\r\n")
        if not has_length and length is not None and not self._is_head:
            lines.append(f"Content-Length: {length}\r\n")
        elif not has_length and self._version == "HTTP/1.1":
            self._is_chunked = not self._is_head
            lines.append("Transfer-Encoding: chunked\r\n")
        elif not has_length:
            self._http.keep_alive = False  # the end of the answer is the end of the connection
        lines.append(f"Date: {_date(int(time.time()))}\r\n")
        if not self._http.keep_alive:
            lines.append("Connection: close\r\n")
        elif self._version == "HTTP/1.0":
            lines.append("Connection: keep-alive\r\n")
        return "".join([*lines, "\r\n"]).encode("latin-1")


def respond(app: App, http: "Http", environ: dict[str, Any]) -> None:
    """Have `app` answer one request. Runs in a green thread of its own and raises nothing."""
    answer = Answer(http, environ)
    try:
        result = app(environ, answer.start)
        try:
            if not http.is_taken_over:
                answer.send(result)
        finally:
            if hasattr(result, "close"):
                result.close()
    except ConnectionError:
        http.connection.close()
    except ChatError as error:  # of the gate; the app tells its own
        http.keep_alive = False
        http.connection.write(refusal(error))
    except Exception:
        log.exception("a request could not be answered")
        if answer.has_begun:
            http.connection.close()
        else:
            http.keep_alive = False
            http.connection.write(refusal(ChatError(500, "internal_error")))
    finally:
        http.answered()


def refusal(error: ChatError) -> bytes:
    """Return the answer that tells this problem and ends the connection."""
    body = json.dumps(problem(error, request_id := str(uuid4()))).encode()
    lines = [
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        f"X-Request-ID: {request_id}",
        f"Date: {_date(int(time.time()))}",
        "Connection: close",
    ]
    if error.retry_after is not None:
        lines.append(f"Retry-After: {error.retry_after}")
    if error.status == 426:
        lines += ["Upgrade: websocket", "Sec-WebSocket-Version: 13"]
    return "\r\n".join([*lines, "", ""]).encode() + body


@lru_cache(maxsize=1)
def _date(now: int) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now))
