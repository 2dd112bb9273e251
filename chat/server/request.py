"""A request as the client sent it, checked and turned into a WSGI environment.

llhttp, which httptools wraps, refuses most of what could be read in two ways; the rest of RFC 9112 is here.
"""

import sys
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from ..errors import ChatError
from .stream import BodyStream

#: Bytes of a target, and of all names and values of the headers together.
MAX_TARGET = 8 << 10
MAX_HEAD = 32 << 10
MAX_HEADERS = 100
#: Names of headers as WSGI has them, made once; no more than that, since clients invent them.
KNOWN_NAMES = 500

_names: dict[bytes, str] = {b"Content-Type": "CONTENT_TYPE", b"content-type": "CONTENT_TYPE"}
_names |= {b"Content-Length": "CONTENT_LENGTH", b"content-length": "CONTENT_LENGTH"}


class Request:
    """One request, as it grows while it is read. Whatever is wrong with it raises `ChatError`."""

    __slots__ = (
        "_count", "body", "environ", "expects", "has_head", "head", "is_chunked", "is_upgrade", "keep_alive",
        "max_body", "size", "stream", "target",
    )  # fmt: skip

    def __init__(self) -> None:
        self.target = b""
        self.environ: dict[str, Any] = {}
        #: None once the body has turned out to be larger than it may be.
        self.body: list[bytes] | None = []
        #: The body, where the route reads it while it comes.
        self.stream: BodyStream | None = None
        self.size = 0
        self.head = 0
        self.is_chunked = False
        self.keep_alive = False
        self.is_upgrade = False
        self.expects = False
        self.has_head = False
        #: Bytes that the body may have.
        self.max_body = 0
        self._count = 0

    def add_target(self, piece: bytes) -> None:
        self.target += piece
        if len(self.target) > MAX_TARGET:
            raise ChatError(414, "target_too_long", "The address is too long.")

    def add_header(self, name: bytes, value: bytes) -> None:
        self.head += len(name) + len(value)
        self._count += 1
        if self.head > MAX_HEAD or self._count > MAX_HEADERS:
            raise ChatError(431, "headers_too_large", "The headers are too large, or too many.")
        key = _names.get(name) or _environ_name(name)
        if not key:
            return
        text = value.decode("latin-1").rstrip(" \t")
        if key in self.environ:
            if key == "HTTP_HOST":
                raise ChatError(400, "malformed_request", "There are two `Host` headers.")
            text = f"{self.environ[key]},{text}"
        self.environ[key] = text

    def end_head(
        self, method: str, version: str, base: dict[str, Any], max_body: int, streams: dict[tuple[str, str], int]
    ) -> None:
        """Check the headers and complete the environment from `base`, which all requests of a connection share.

        `streams` has the routes, method and path, that read a body while it comes, each with the most bytes of it.
        """
        environ = self.environ
        if version not in ("1.0", "1.1"):
            raise ChatError(505, "http_version_not_supported", "This server speaks HTTP/1.1.")
        coding = environ.get("HTTP_TRANSFER_ENCODING")
        if coding is not None:
            if version == "1.0" or coding.lower() != "chunked":
                raise ChatError(400, "malformed_request", "Only HTTP/1.1 has `Transfer-Encoding`, and only `chunked`.")
            self.is_chunked = True
        if version == "1.1" and not environ.get("HTTP_HOST"):
            raise ChatError(400, "malformed_request", "There is no `Host` header.")
        if "HTTP_EXPECT" in environ and version == "1.1":
            if environ["HTTP_EXPECT"].lower() != "100-continue":
                raise ChatError(417, "expectation_failed", "The only expectation known here is 100-continue.")
            self.expects = True
        path, _, query = _origin_form(self.target).partition(b"?")
        self.environ = {
            **base,
            **environ,
            "REQUEST_METHOD": method,
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query.decode("latin-1"),
            "SERVER_PROTOCOL": f"HTTP/{version}",
        }
        self.has_head = True
        self.max_body = max_body
        if (method, self.environ["PATH_INFO"]) in streams:
            self.max_body = streams[method, self.environ["PATH_INFO"]]
            self.stream = BodyStream()
        if int(environ.get("CONTENT_LENGTH", 0)) > self.max_body:
            self._refuse_body()

    def add_body(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self.max_body:
            self._refuse_body()
        elif self.stream:
            self.stream.put(piece)
        elif self.body is not None:
            self.body.append(piece)

    def _refuse_body(self) -> None:
        self.body = None
        if self.stream:
            self.stream.fail(413, "body_too_large", f"The body is larger than {self.max_body} bytes.")

    def complete(self) -> dict[str, Any]:
        """Return the environment. A body that is too large is left out; the app refuses it by its length."""
        environ = self.environ
        if self.is_chunked:  # a body like any other by now
            del environ["HTTP_TRANSFER_ENCODING"]
        if self.stream:
            environ["wsgi.input"] = self.stream
            environ["wsgi.input_terminated"] = True
            return environ
        if self.is_chunked:
            environ["CONTENT_LENGTH"] = str(self.size)
        environ["wsgi.input"] = BytesIO(b"".join(self.body or ()))
        return environ


def base_environ(server: tuple[Any, ...], peer: tuple[Any, ...]) -> dict[str, Any]:
    """Return what is the same for all requests of a connection."""
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "SCRIPT_NAME": "",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": peer[0],
        "REMOTE_PORT": str(peer[1]),
    }


def _environ_name(name: bytes) -> str:
    """Return a header's name as WSGI has it, empty for one that could be taken for another: `X_A` for `X-A`."""
    if b"_" in name:
        return ""
    key = name.decode("latin-1").upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = "HTTP_" + key
    if len(_names) < KNOWN_NAMES:
        _names[name] = key
    return key


def _origin_form(target: bytes) -> bytes:
    """Return path and query of a target, which may also be a whole URL (RFC 9112, 3.2.2)."""
    if not target.startswith(b"/"):
        _, has_scheme, rest = target.partition(b"://")
        if not has_scheme:
            return b"/" + target  # `*`, or the address that CONNECT names: nothing that there is here
        target = b"/" + rest.partition(b"/")[2]
    return target.partition(b"#")[0]
