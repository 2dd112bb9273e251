"""Stand-ins for the services that push: they check what comes as their documents say, and answer what a test wants."""

import json
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_bytes
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chat.push import token_of

Json = dict[str, Any]
VAPID_KEY = urlsafe_b64encode(b"\x01" * 32).decode().rstrip("=")
SUBJECT = "mailto:ops@example.com"


def encode(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Services:
    """Keeps requests as `(path, headers, body)`. `answers`: `(status, JSON)`, or a function, by the start of a path."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: dict[str, tuple[int, Any] | Callable[[bytes], tuple[int, Any]]] = {}

    def at(self, path: str) -> list[tuple[str, dict[str, str], bytes]]:
        return [each for each in list(self.received) if each[0].startswith(path)]

    def answer(self, path: str, body: bytes) -> tuple[int, Any]:
        found = [each for start, each in self.answers.items() if path.startswith(start)]
        if not found:
            return 201, {}
        return found[0](body) if callable(found[0]) else found[0]


@contextmanager
def services() -> Iterator[Services]:
    """Run the stand-ins on a port of their own."""
    kept = Services()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.received.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            status, content = kept.answer(self.path, body)
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()


def decrypt(key: ec.EllipticCurvePrivateKey, auth: bytes, body: bytes) -> bytes:
    """Return what a body holds for the browser with this key and secret."""
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    # RFC 8188: salt, size of a record, length of the key's id, which is the sender's point; RFC 8291: the key
    salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    sender, content = body[21 : 21 + length], body[21 + length :]
    assert size >= len(content)
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
    secret = HKDF(SHA256(), 32, auth, b"WebPush: info\0" + point + sender).derive(shared)
    cipher = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(secret)
    nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(secret)
    plain = AESGCM(cipher).decrypt(nonce, content, None)
    assert plain[-1] == 2
    return plain[:-1]


class Browser:
    """A browser with a subscription: it reads what is encrypted for it."""

    def __init__(self, services: Services) -> None:
        self.path = f"/wp/{uuid4()}"
        self.endpoint = services.url + self.path
        self.token = token_of(self.endpoint)
        self._services = services
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = token_bytes(16)
        self._point = self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    @property
    def subscription(self) -> Json:
        keys = {"p256dh": encode(self._point), "auth": encode(self._auth)}
        return {"service": "webpush", "endpoint": self.endpoint, "keys": keys}

    def shown(self) -> list[Json]:
        """Return the notifications that came, each checked as a push service and a browser do."""
        return [self._read(*each[1:]) for each in self._services.at(self.path)]

    def _read(self, headers: dict[str, str], body: bytes) -> Json:
        scheme, _, parameters = headers["authorization"].partition(" ")
        assert scheme == "vapid"
        signed = dict(each.strip().split("=", 1) for each in parameters.split(","))
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode(signed["k"]))
        claims = jwt.decode(signed["t"], public, ["ES256"], audience=self._services.url)  # type: ignore[arg-type]
        assert claims["sub"] == SUBJECT
        assert headers["content-encoding"] == "aes128gcm"
        assert int(headers["ttl"]) > 0
        assert len(body) <= 4096
        plain = decrypt(self._key, self._auth, body)
        shown: Json = json.loads(plain)
        return shown


class Google:
    """A service account, and the token endpoint that knows it."""

    def __init__(self, services: Services) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        self.granted: list[str] = []
        self.account = {
            "type": "service_account",
            "project_id": "a-project",
            "client_email": "chat@a-project.iam.gserviceaccount.com",
            "token_uri": f"{services.url}/token",
            "private_key": self._key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
        }
        services.answers["/token"] = self._grant

    def _grant(self, body: bytes) -> tuple[int, Any]:
        form = parse_qs(body.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        claims = jwt.decode(form["assertion"][0], self._key.public_key(), ["RS256"], audience=self.account["token_uri"])
        assert claims["iss"] == self.account["client_email"]
        assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        assert claims["exp"] - claims["iat"] == 3600
        self.granted.append(f"access-{len(self.granted)}")
        return 200, {"access_token": self.granted[-1], "expires_in": 3599, "token_type": "Bearer"}
