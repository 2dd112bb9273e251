"""The request that asks for a WebSocket (RFC 6455, 4.2), and the answer that grants it."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hashlib import sha1
from typing import Any

from ..errors import ChatError

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept(environ: dict[str, Any]) -> bytes:
    """Return the answer that turns this request's connection into a WebSocket. Raises `ChatError` 400 or 426."""
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION", "").strip() != "13":
        raise ChatError(426, "upgrade_required", "The only version of WebSockets here is 13.")
    key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "").strip()
    try:
        is_key = len(b64decode(key, validate=True)) == 16
    except (Base64Error, ValueError):
        is_key = False
    if not is_key or environ["REQUEST_METHOD"] != "GET" or environ["SERVER_PROTOCOL"] != "HTTP/1.1":
        raise ChatError(400, "malformed_request", "This is no handshake of a WebSocket.")
    digest = b64encode(sha1(key.encode() + _GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + digest + b"\r\n\r\n"
    )
