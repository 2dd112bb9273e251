"""How the requests of the API driver travel: few connections for many callers, and none of them waits for ever."""

import threading
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import eventlet
import httpx
import urllib3
from eventlet.patcher import is_monkey_patched


class PooledTransport(httpx.BaseTransport):
    """Sends httpx's requests through urllib3, at most `size` at once, each answered within `seconds` or given up.

    httpx's own pool looks at every one of its connections for every request, each time with a `select` that under
    eventlet is a switch to the hub: with many callers it slows down instead of speeding up.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self._seconds = seconds
        # urllib3 waits for a free connection too, but not within the same time-out and not first come, first served.
        self._door = threading.Lock()
        self._free = threading.BoundedSemaphore(size)
        # Never sent again by itself: a request that broke off may have been committed. A kept connection that the other
        # side has closed is noticed before anything is sent, and replaced.
        self._pool = urllib3.PoolManager(maxsize=size, retries=False, ssl_context=httpx.create_ssl_context())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the whole answer, not decoded. Raises `httpx.TransportError`."""
        end = time.monotonic() + self._seconds
        if not self._enter(end):
            raise httpx.PoolTimeout("no free connection in time")
        try:
            return self._send(request, max(end - time.monotonic(), 0.001))
        except urllib3.exceptions.HTTPError as error:
            raise httpx.TransportError(str(error).rpartition(": ")[2]) from error
        finally:
            self._free.release()

    def _enter(self, end: float) -> bool:
        """Wait for a free connection and say whether there was one before `end`.

        Only the first in the line looks for it: a semaphore alone lets newcomers pass those who wait.
        """
        if not self._door.acquire(timeout=self._seconds):
            return False
        try:
            return self._free.acquire(timeout=max(end - time.monotonic(), 0))
        finally:
            self._door.release()

    def _send(self, request: httpx.Request, seconds: float) -> httpx.Response:
        with _deadline(seconds):
            answer = self._pool.request(
                request.method,
                str(request.url),
                body=request.read(),
                headers=dict(request.headers),
                timeout=urllib3.Timeout(total=seconds),
                redirect=False,
                decode_content=False,  # httpx does
            )
        return httpx.Response(answer.status, headers=list(answer.headers.items()), content=answer.data)

    def close(self) -> None:
        self._pool.clear()


def _deadline(seconds: float) -> AbstractContextManager[Any]:
    """End the block after `seconds` under eventlet.

    A time-out of sockets covers neither the look-up of a name, nor each next address that is tried,
    nor an answer that comes in drops.
    """
    if is_monkey_patched("socket"):
        return eventlet.Timeout(seconds, httpx.ReadTimeout("no answer in time"))
    return nullcontext()
