"""A client that sends exactly the bytes a test asks for."""

import json
import os
import re
import socket
from base64 import b64encode
from typing import Any

from tests.support.server import Server

UPGRADE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\n"
    "Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: {key}\r\n\r\n"
)
TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0


class Wire:
    """A TCP connection to the server."""

    def __init__(self, server: Server, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(15)
        self.socket.connect(("127.0.0.1", server.port))
        self._input = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, size: int) -> bytes:
        """Return so many bytes; fewer when the server closes."""
        while len(self._input) < size and self._fill():
            pass
        data, self._input = self._input[:size], self._input[size:]
        return data

    def read_all(self) -> bytes:
        """Return everything up to the end of the connection, which a reset is too; fast, however slow it was."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        parts = [self._input]
        self._input = b""
        while self._fill():
            parts.append(self._input)
            self._input = b""
        return b"".join(parts)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers (lower case) and body of the next answer; status 0 when the connection is closed."""
        while b"\r\n\r\n" not in self._input:
            if not self._fill():
                return 0, {}, self._input
        head, _, self._input = self._input.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        status = int(first.split()[1])
        return status, headers, self.read(int(headers.get("content-length", 0)) if status >= 200 else 0)

    def is_closed(self) -> bool:
        """Whether the server closes the connection without another word."""
        return not self._input and not self._fill()

    def _fill(self) -> bool:
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            return False
        self._input += data
        return bool(data)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


class Frames(Wire):
    """A WebSocket, one frame at a time. Connected to the default namespace unless told otherwise."""

    def __init__(self, server: Server, connected: bool = True, receive_buffer: int = 0, sid: str = "") -> None:
        super().__init__(server, receive_buffer)
        request = UPGRADE.format(version=13, key=b64encode(os.urandom(16)).decode())
        self.send(request.replace("websocket HTTP", f"websocket&sid={sid} HTTP").encode())
        assert self.answer()[0] == 101
        if sid:
            return
        self.opened = self.message()
        if connected:
            self.frame(b"40")
            assert self.message().startswith("40{")

    def frame(self, payload: bytes = b"", opcode: int = TEXT, fin: int = 0x80, reserved: int = 0) -> None:
        self.send(frame(payload, opcode, fin, reserved))

    def next(self) -> tuple[int, bytes]:
        """Return opcode and payload of the server's next frame; CLOSE and nothing where the connection ends."""
        head = self.read(2)
        if len(head) < 2:
            return CLOSE, b""
        assert head[0] & 0xF0 == 0x80, "the server sends whole messages without extensions"
        assert not head[1] & 0x80, "the server does not mask"
        length = head[1]
        if length > 125:
            length = int.from_bytes(self.read(2 if length == 126 else 8), "big")
        payload = self.read(length)
        return (head[0] & 15, payload) if len(payload) == length else (CLOSE, b"")

    def message(self) -> str:
        opcode, payload = self.next()
        assert opcode == TEXT, (opcode, payload)
        return payload.decode()

    def close_code(self) -> int:
        """Read up to the end and return the code the server closed with, 0 when it gave none."""
        while True:
            opcode, payload = self.next()
            if opcode == CLOSE:
                assert not payload or self.next() == (CLOSE, b"")
                return int.from_bytes(payload[:2], "big")

    def echo(self) -> None:
        """Assert that events are still answered."""
        self.frame(b'427["nothing"]')
        assert "event_not_found" in self.message()

    def call(self, event: str, payload: Any) -> Any:
        self.frame(b"427" + json.dumps([event, payload]).encode())
        return json.loads(re.sub(r"^437", "", self.message()))[0]


def frame(payload: bytes = b"", opcode: int = TEXT, fin: int = 0x80, reserved: int = 0) -> bytes:
    """Return a frame as a client sends it, masked."""
    length = len(payload)
    if length < 126:
        head = bytes((fin | reserved | opcode, 0x80 | length))
    elif length < 1 << 16:
        head = bytes((fin | reserved | opcode, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((fin | reserved | opcode, 0x80 | 127)) + length.to_bytes(8, "big")
    mask = os.urandom(4)
    key = (mask * (length // 4 + 1))[:length]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
    return head + mask + masked
