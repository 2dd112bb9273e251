"""Web Push: each notification is encrypted for one browser (RFC 8291), and signed as this server's (RFC 8292).

`cryptography` and PyJWT are imported where they are used: few servers push.
"""

import logging
import os
import time
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import orjson

from ..config import Config
from ..storage import PushTarget
from .endpoints import decode, encode, may_send_to
from .http import post
from .notes import Note
from .outcomes import Outcome, outcome_of

log = logging.getLogger(__name__)

#: Seconds for which a service keeps what it cannot deliver.
TTL = 24 * 3600
#: Seconds for which a signature is valid; a day is the most that services take.
SIGNED_FOR = 12 * 3600
#: The size of a record: everything is one.
RECORD = 4096


class WebPush:
    """Sends to browsers."""

    def __init__(self, config: Config) -> None:
        self._key = decode(config.vapid_private_key)
        self._subject = config.vapid_subject
        self._hosts = config.push_hosts

    @cached_property
    def public_key(self) -> str:
        """What browsers subscribe with: a point of P-256 in URL-safe base64."""
        return encode(_point(self._private_key.public_key()))

    def send(self, target: PushTarget, note: Note) -> Outcome:
        """Send to one browser. Raises `PushFailed` when its service does not answer."""
        endpoint = target["endpoint"] or ""
        if not may_send_to(endpoint, self._hosts):
            log.warning("%s is no push service of WEBPUSH_HOSTS", urlsplit(endpoint).netloc)
            return Outcome.REFUSED
        content = {"title": note.title, "body": note.body, "data": note.data}
        try:
            body = encrypt(orjson.dumps(content), decode(target["p256dh"] or ""), decode(target["auth"] or ""))
        except ValueError:  # its key is no point of the curve: nothing will ever reach it
            return Outcome.DEAD
        headers = {
            "authorization": f"vapid t={self._sign(endpoint)}, k={self.public_key}",
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(TTL),
            "topic": note.tag.replace("-", ""),  # a second one takes the place of the first, if that still waits
            "urgency": "high",
        }
        answer = post(endpoint, body, headers)
        outcome = Outcome.DEAD if answer.status in (404, 410) else outcome_of(answer.status)
        if outcome is Outcome.REFUSED:
            host, reason = urlsplit(endpoint).netloc, answer.body[:300].decode(errors="replace")
            log.error("%s refuses a notification: %d %s", host, answer.status, reason)
        return outcome

    def _sign(self, endpoint: str) -> str:
        import jwt

        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(time.time()) + SIGNED_FOR,
            "sub": self._subject,
        }
        return jwt.encode(claims, self._private_key, "ES256")

    @cached_property
    def _private_key(self) -> Any:
        from cryptography.hazmat.primitives.asymmetric import ec

        return ec.derive_private_key(int.from_bytes(self._key), ec.SECP256R1())


def encrypt(content: bytes, p256dh: bytes, auth: bytes) -> bytes:
    """Return `content` as only the browser with these keys can read it. Raises `ValueError` for keys that are none."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), p256dh)
    ours = ec.generate_private_key(ec.SECP256R1())
    own_point = _point(ours.public_key())
    shared = ours.exchange(ec.ECDH(), theirs)
    secret = _derive(shared, auth, b"WebPush: info\0" + p256dh + own_point, 32)
    salt = os.urandom(16)
    key = _derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(secret, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + RECORD.to_bytes(4) + bytes([len(own_point)]) + own_point
    return header + AESGCM(key).encrypt(nonce, content + b"\x02", None)  # 2 ends the last record


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length, salt, info).derive(secret)


def _point(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    point: bytes = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return point
