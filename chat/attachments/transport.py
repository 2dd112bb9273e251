"""How files travel to and from Supabase Storage: in pieces, whatever their size."""

from collections.abc import Iterator
from typing import Any, cast

import httpx
import urllib3

from .store import PIECE

#: Connections that one process keeps to the storage; more are made while they are needed.
CONNECTIONS = 8


class StreamingTransport(httpx.BaseTransport):
    """Sends httpx's requests through urllib3, neither bodies nor answers held in memory.

    httpx's own pool looks at every one of its connections for every request, each time with a `select` that under
    eventlet is a switch to the hub.
    """

    def __init__(self, seconds: float) -> None:
        self._timeout = urllib3.Timeout(connect=seconds, read=seconds)
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS, retries=False, ssl_context=httpx.create_ssl_context())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, whose body is yet to be read. Raises `httpx.TransportError`."""
        try:
            answer = self._pool.request(
                request.method,
                str(request.url),
                body=cast(Any, request.stream) if "content-length" in request.headers else None,
                headers=dict(request.headers),
                timeout=self._timeout,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise httpx.TransportError(str(error)) from error
        return httpx.Response(answer.status, headers=list(answer.headers.items()), stream=_Body(answer))

    def close(self) -> None:
        self._pool.clear()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer
        self._is_complete = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._answer.stream(PIECE, decode_content=False)
            self._is_complete = True
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise httpx.ReadError(str(error)) from error

    def close(self) -> None:
        if not self._is_complete:  # the rest of the answer must not be taken for the next one
            self._answer.close()
        self._answer.release_conn()
