"""HTTP as the server speaks it: eventlet's protocol, with an end to everything a client may drag out.

eventlet bounds the length of lines and headers, but not the time they take nor the size of a body that
nobody reads. Here a connection may be idle, send headers, send a body and take its answer for so long
and no longer. A WebSocket lives on: Engine.IO gives its socket a time-out of its own, longer than the
pause between two pings.
"""

import socket
import time
from contextlib import suppress
from typing import Any

import eventlet
from eventlet import wsgi

#: Seconds that a connection may wait for its next request.
IDLE_TIMEOUT = 75
#: Seconds from a request's first byte to the end of its headers.
HEADER_TIMEOUT = 10
#: Seconds from the end of the headers to the end of the body.
BODY_TIMEOUT = 60
#: Seconds without any progress, in whatever phase.
STALL_TIMEOUT = 60
#: Seconds for a client to read the answer that refuses its body.
LINGER_TIMEOUT = 2
#: Bytes of a body that are read away when nobody wants them, to keep the connection.
DISCARD_LIMIT = 1 << 20


class Body(wsgi.Input):
    """A request's body. Reading raises `OSError` when it takes too long, which the app answers with 400."""

    def __init__(self, plain: wsgi.Input) -> None:
        super().__init__(
            _BoundedLines(plain.rfile),
            plain.content_length,
            plain.get_socket(),
            plain.wfile,
            plain.wfile_line,
            plain.chunked_input,
        )
        self._deadline = time.monotonic() + BODY_TIMEOUT

    @property
    def unread(self) -> bool:
        """Whether the client may have more to send."""
        return self.chunk_length != 0 if self.chunked_input else self.position < self.content_length

    def discard(self, buffer_size: int = 16 << 10) -> None:
        """Read what is left. Raises `OSError` when it is too much, and eventlet closes the connection."""
        for _ in range(DISCARD_LIMIT // buffer_size):
            if not self.read(buffer_size):
                return
        if self.unread:
            raise OSError("too much to read away")

    def _do_read(self, reader: Any, length: int | None = None) -> bytes:
        with self._time_left():
            return super()._do_read(reader, length)

    def _chunked_read(self, rfile: Any, length: int | None = None, use_readline: bool = False) -> bytes:
        with self._time_left():
            return super()._chunked_read(rfile, length, use_readline)

    def _time_left(self) -> eventlet.Timeout:
        left = max(0, self._deadline - time.monotonic())
        return eventlet.Timeout(left, TimeoutError("the body took too long"))


class _BoundedLines:
    """A file whose `readline` ends somewhere: eventlet reads the lines between chunks without a limit."""

    def __init__(self, file: Any) -> None:
        self.read = file.read
        self._readline = file.readline

    def readline(self, size: int = -1) -> bytes:
        return self._readline(wsgi.MAX_HEADER_LINE if size < 0 else size)


class Protocol(wsgi.HttpProtocol):
    """One connection, from its first request to its last."""

    _header_timer: eventlet.Timeout | None = None
    _body: Body | None = None

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, eventlet.Timeout):  # the client has gone, or is too slow: nothing that needs a traceback
            self.close_connection = True

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        finally:
            self._headers_done()

    def _read_request_line(self) -> bytes:
        self.connection.settimeout(IDLE_TIMEOUT)
        if self.rfile.closed or not self.rfile.peek(1):
            return b""
        self._header_timer = eventlet.Timeout(HEADER_TIMEOUT)
        return super()._read_request_line()

    def parse_request(self) -> bool:
        try:
            return super().parse_request()
        finally:
            self._headers_done()

    def _headers_done(self) -> None:
        if self._header_timer:
            self._header_timer.cancel()

    def get_environ(self) -> dict[str, Any]:
        environ = super().get_environ()
        self._body = environ["wsgi.input"] = environ["eventlet.input"] = Body(environ["wsgi.input"])
        if self._body.chunked_input:
            # Says that the stream ends by itself; without it werkzeug takes a chunked body for an empty one.
            environ["wsgi.input_terminated"] = True
        elif "HTTP_TRANSFER_ENCODING" in environ or self._body.content_length > DISCARD_LIMIT:
            self.close_connection = True  # where this request ends is not known, or too far away
        # A stopping server lets requests finish before it closes the sockets, which they may want to write to.
        del environ["eventlet.set_idle"]
        return environ

    def finish(self) -> None:
        if self._body and self._body.unread:
            with suppress(OSError):
                self._linger()
        with suppress(OSError):
            super().finish()

    def _linger(self) -> None:
        """Let the client read the answer: closing while it still sends would reset the connection under it."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        with eventlet.Timeout(LINGER_TIMEOUT, False):
            while self.connection.recv(1 << 16):
                pass

    def log_message(self, *args: Any) -> None:
        """Write nothing on stderr; the app logs its requests."""
