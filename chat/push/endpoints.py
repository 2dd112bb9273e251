"""The addresses that browsers give out for Web Push. They come from clients: the server must not post just anywhere."""

import base64
import hashlib
from collections.abc import Iterable
from urllib.parse import urlsplit


def token_of(endpoint: str) -> str:
    """Return the token of a subscription: the SHA-256 of its endpoint, in URL-safe base64.

    Who does not know the endpoint can neither name the token nor take the device over.
    """
    return encode(hashlib.sha256(endpoint.encode()).digest())


def may_send_to(endpoint: str, hosts: Iterable[str]) -> bool:
    """Whether an endpoint is one of these hosts, of which `*.x` means those below x; over TLS, or on this machine."""
    try:
        parts = urlsplit(endpoint)
        host = (parts.hostname or "").lower()
        port = parts.port
    except ValueError:
        return False
    is_safe = parts.scheme == "https" and port in (None, 443)
    is_local = parts.scheme == "http" and host in ("127.0.0.1", "localhost", "::1")
    is_listed = any(host == each or (each.startswith("*.") and host.endswith(each[1:])) for each in hosts)
    return is_listed and (is_safe or is_local) and "@" not in parts.netloc and _is_plain(endpoint)


def encode(content: bytes) -> str:
    """Return URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decode(text: str) -> bytes:
    """Return what URL-safe base64 stands for, with padding or without. Raises `ValueError`."""
    return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), b"-_", validate=True)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and not set(text) & set(" \\")
