"""The tests' own client leaves no socket open when its server goes away, and no server waiting when it goes itself."""

import gc
import hashlib
import re
import socket
import threading
import time
import warnings
from base64 import b64encode
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import socketio

from tests.support.identity import SECRET, refusal
from tests.support.server import Device, InOrder, Server

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of RFC 6455
AT_ONCE = b"\1\0\0\0\0\0\0\0"  # SO_LINGER: closing is a reset, as when a process is killed


def go_away(listener: socket.socket, says: bytes) -> None:
    """Accept a WebSocket, say something, and break off."""
    connection, _ = listener.accept()
    with connection:
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", connection.recv(4096), re.IGNORECASE)
        assert key is not None
        accept = b64encode(hashlib.sha1(key[1] + GUID).digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        connection.sendall(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + says)
        if says:
            connection.settimeout(10)
            connection.recv(1)  # the device has read it, and closes
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)


@pytest.mark.parametrize("says", [b"", b"\x81\x023x"], ids=["nothing", "no greeting"])
def test_a_server_that_goes_away_while_a_device_connects(says: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        away = threading.Thread(target=go_away, args=(listener, says))
        away.start()
        server: Any = SimpleNamespace(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(socketio.exceptions.ConnectionError):
            Device(server)
        away.join()
        gc.collect()
    assert [str(each.message) for each in warned] == []


def test_a_refused_client_that_polls_is_not_kept_until_the_next_ping(
    make_server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writing thread is still busy with the handshake when the refusal comes, and ends without a farewell."""
    server = make_server(AUTH_MODE="token", JWT_SECRET=SECRET)
    send, polled = InOrder._send_request, []

    def send_slowly(self: InOrder, method: str, *args: Any, **options: Any) -> Any:
        answer = send(self, method, *args, **options)
        polled.append(answer.text)
        if method == "POST":
            time.sleep(0.3)
        return answer

    monkeypatch.setattr(InOrder, "_send_request", send_slowly)
    assert refusal(server, {"token": "x"}, "polling")["message"] == "token_invalid"
    assert "2" not in polled  # Engine.IO's ping
