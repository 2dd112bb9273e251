"""Socket.IO spoken by hand, so that a test can say what no client would: over WebSocket and by long-polling."""

import json
import socket
from typing import Any

import urllib3
import websocket

from .server import Server

PATH = "/socket.io/?EIO=4&transport="
TEXT, CLOSE = websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_CLOSE


class RawWebSocket:
    """A WebSocket, connected to the default namespace unless told otherwise."""

    def __init__(self, server: Server, connected: bool = True) -> None:
        self._socket = websocket.create_connection(server.url.replace("http", "ws") + PATH + "websocket", timeout=10)
        self.receive()  # Engine.IO's greeting
        if connected:
            self.send("40")
            self.receive()

    def send(self, packet: str | bytes) -> None:
        opcode = websocket.ABNF.OPCODE_BINARY if isinstance(packet, bytes) else TEXT
        self._socket.send(packet, opcode)

    def send_fragments(self, first: str, *others: str, last: str) -> None:
        """Send one message in several frames."""
        frame = websocket.ABNF.create_frame
        self._socket.send_frame(frame(first, TEXT, fin=0))
        for each in others:
            self._socket.send_frame(frame(each, websocket.ABNF.OPCODE_CONT, fin=0))
        self._socket.send_frame(frame(last, websocket.ABNF.OPCODE_CONT, fin=1))

    def receive(self) -> str | None:
        """Return the next packet, None when the server has closed the connection."""
        try:
            opcode, data = self._socket.recv_data()
        except (ConnectionError, websocket.WebSocketConnectionClosedException):
            return None
        return None if opcode == CLOSE else data.decode()

    def call(self, event: Any, *arguments: Any) -> Any:
        """Send an event and return its acknowledgement."""
        return self.call_text(json.dumps([event, *arguments]))

    def call_text(self, arguments: str) -> Any:
        """Send an event whose JSON is given as text and return its acknowledgement."""
        self.send(f"427{arguments}")
        packet = self.receive()
        assert packet is not None
        assert packet.startswith("437"), packet
        (answer,) = json.loads(packet[3:])
        return answer

    def is_closed(self) -> bool:
        """Wait until the server closes the connection, and say whether it did."""
        try:
            while self.receive() is not None:
                pass
        except websocket.WebSocketTimeoutException:
            return False
        return True

    def reset(self) -> None:
        """Break the connection off as a crash does: no farewell, a TCP reset."""
        self._socket.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.sock.close()

    def close(self) -> None:
        self._socket.shutdown()  # not its `close`, which leaves the socket open where the server was faster

    def __enter__(self) -> "RawWebSocket":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class RawPolling:
    """A long-polling connection, connected to the default namespace."""

    def __init__(self, server: Server) -> None:
        self._http, self._url = server.http, server.url + PATH + "polling"
        opened = self._http.request("GET", self._url)
        self._url += "&sid=" + json.loads(opened.data[1:])["sid"]
        assert self.post(b"40").status == 200
        assert self.get().data.startswith(b"40")

    def post(self, body: bytes, **headers: str) -> urllib3.BaseHTTPResponse:
        return self._http.request("POST", self._url, body=body, headers=headers, timeout=10)

    def get(self) -> urllib3.BaseHTTPResponse:
        return self._http.request("GET", self._url, timeout=10)

    def call(self, event: Any, *arguments: Any) -> Any:
        """Send an event and return its acknowledgement."""
        assert self.post(b"427" + json.dumps([event, *arguments]).encode()).status == 200
        body = self.get().data
        assert body.startswith(b"437"), body
        (answer,) = json.loads(body[3:])
        return answer
