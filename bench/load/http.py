"""HTTP/1.1 callers: one kept connection each, one request at a time."""

import asyncio
import json
from typing import Any

from .target import Target


class HttpCaller(asyncio.Protocol):
    """One connection. Only answers with a Content-Length are understood: the servers here send no others."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._buffer = b""
        self._answer: asyncio.Future[bytes] | None = None

    @classmethod
    async def connect(cls, target: Target) -> "HttpCaller":
        return await target.connect(lambda: cls(target))

    async def post(self, path: str, body: Any, user_id: str | None = None) -> bytes:
        """Send a request, in token mode as `user_id`, and return the answer's body.

        Raises `RuntimeError` when the status is not 200.
        """
        content = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._target.host}:{self._target.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
            f"{self._target.authorization(user_id)}\r\n"
        )
        if self._transport.is_closing():  # servers close what has been idle for some seconds
            await self._target.connect(lambda: self)
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(head.encode() + content)
        return await self._answer

    def close(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"\r\ncontent-length:")
        assert at > 0, head
        size = int(head[at + 17 :].split(b"\r\n", 1)[0])
        if len(self._buffer) < end + 4 + size:
            return
        body, self._buffer = self._buffer[end + 4 :], b""
        assert self._answer
        if head.startswith(b"http/1.1 200"):
            self._answer.set_result(body)
        else:
            self._answer.set_exception(RuntimeError(f"{bytes(head[:1000])!r} {body[:200]!r}"))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server closed the connection"))
