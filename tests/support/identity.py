"""Tokens of every kind, and an identity provider that publishes its keys."""

import base64
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from socketio.exceptions import ConnectionError as Refused

from .server import Server, SocketClient

SECRET = "the secret of the tests, long enough for HS256"
HOUR = 3600
#: What a server in token mode needs; without limits, which tests with many users would meet.
TOKEN_MODE = {"AUTH_MODE": "token", "JWT_SECRET": SECRET, "RATE_LIMIT_SIGNUP": "", "RATE_LIMIT_DEFAULT": ""}


def claims(user_id: str, **changed: Any) -> dict[str, Any]:
    """Return the claims of a good token of an identity provider; a claim changed to None is left out."""
    now = int(time.time())
    good = {"sub": user_id, "aud": "authenticated", "iat": now, "exp": now + HOUR, "iss": "https://auth.example.com"}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def signed(user_id: str, secret: str = SECRET, **changed: Any) -> str:
    """Return an HS256 token, as a Supabase project with a legacy secret makes them."""
    return jwt.encode(claims(user_id, **changed), secret, "HS256")


def bearer(token: str) -> dict[str, str]:
    """Return the header that sends a token, named as `Api` and `Server` take it."""
    return {"Authorization": f"Bearer {token}"}


def forged(user_id: str, secret: bytes, header: dict[str, Any], **texts: str) -> str:
    """Return a token with an HMAC of any secret, also one that PyJWT would refuse to use.

    `texts` are claims as JSON, also such as Python would not write.
    """
    members = {name: json.dumps(value) for name, value in claims(user_id).items()} | texts
    payload = "{" + ", ".join(f'"{name}": {text}' for name, text in members.items()) + "}"
    parts = [_base64(part.encode()) for part in (json.dumps(header), payload)]
    signature = hmac.digest(secret, ".".join(parts).encode(), "sha256")
    return ".".join([*parts, _base64(signature)])


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


class SigningKey:
    """A key pair of an identity provider, for ES256 or RS256."""

    def __init__(self, algorithm: str = "ES256", kid: str | None = None) -> None:
        self.algorithm = algorithm
        self.kid = kid or uuid4().hex
        self.private: Any = ec.generate_private_key(ec.SECP256R1())
        if algorithm == "RS256":
            self.private = rsa.generate_private_key(65537, 2048)

    def token(self, user_id: str, kid: str | None = None, **changed: Any) -> str:
        return jwt.encode(claims(user_id, **changed), self.private, self.algorithm, {"kid": kid or self.kid})

    def public(self, **more: Any) -> dict[str, Any]:
        """Return the public key as a JWK."""
        implementation = RSAAlgorithm if self.algorithm == "RS256" else ECAlgorithm
        key = implementation.to_jwk(self.private.public_key(), as_dict=True)
        return {**key, "kid": self.kid, "alg": self.algorithm, "use": "sig", **more}


class Provider:
    """A JWKS endpoint. `keys` is what it publishes, `requests` how often it was asked.

    `status`, `body` and `seconds` (until it answers) make it fail.
    """

    def __init__(self, *keys: SigningKey) -> None:
        self.keys: list[dict[str, Any]] = [key.public() for key in keys]
        self.requests = 0
        self.status = 200
        self.seconds = 0.0
        self.body: str | None = None

    def __enter__(self) -> "Provider":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/auth/v1/.well-known/jwks.json"
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.requests += 1
                time.sleep(provider.seconds)
                body = provider.body if provider.body is not None else json.dumps({"keys": provider.keys})
                self.send_response(provider.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing: the console belongs to the tests."""

        return Handler


def handshake(user: dict[str, Any]) -> dict[str, str]:
    """Return what a socket of the user sends when it connects."""
    return {"token": user["access_token"]}


def refusal(server: Server, auth: Any = None, transport: str = "websocket", **headers: str) -> dict[str, Any]:
    """Return what a client that is refused hears as `connect_error`."""
    heard: list[dict[str, Any]] = []
    client = SocketClient(reconnection=False)
    client.on("connect_error", heard.append)
    with pytest.raises(Refused):
        client.connect(server.url, auth=auth, headers=headers, transports=[transport], wait_timeout=10)
    client.disconnect()
    return heard[0]


def error_code(answer: dict[str, Any]) -> str:
    """Return the code in the acknowledgement of an event that failed."""
    return str(answer["error"]["code"])
