"""Tokens: signs this server's own, verifies them and an identity provider's."""

import math
import os
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, cast

from flask import current_app
from werkzeug.local import LocalProxy

from ..config import Config
from ..errors import StartupError, Unauthorized
from ..schemas.fields import parse_id

#: The `iss` of this server's own tokens; only those can be refreshed here.
ISSUER = "chat"

#: Seconds that an identity provider's clock may be ahead of ours.
CLOCK_SKEW = 300

#: Characters of a token. Those of identity providers have a few thousand at most.
MAX_TOKEN = 16_384
#: Seconds for which a verified signature counts: a key that its provider withdraws may verify so much longer.
VERIFIED_LIFETIME = 60
#: Tokens whose verification is remembered.
MAX_VERIFIED = 10_000


class Identity(NamedTuple):
    """What a verified token says: whose it is, from when to when (Unix seconds), and whether this server made it."""

    user_id: str
    issued_at: float
    expires_at: float
    ours: bool


class Verified(NamedTuple):
    """What a token said when its signature was verified, and until when that is taken for true (Unix seconds)."""

    identity: Identity
    until: float


class Tokens:
    """Signs this server's tokens; verifies them and an identity provider's."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._verified: dict[str, Verified] = {}
        self._keys: Any = None
        if config.jwt_jwks_url:
            from .jwks import KeySet

            self._keys = KeySet(config.jwt_jwks_url)

    @property
    def signs(self) -> bool:
        """Whether this server can issue tokens."""
        return bool(self._secret)

    @cached_property
    def _secret(self) -> str:
        if self._config.jwt_secret or self._config.storage != "embedded":
            return self._config.jwt_secret
        return _kept_secret(Path(self._config.data_dir) / "jwt_secret")

    def load_secret(self) -> None:
        """Read or make the secret now, so that a failure ends the start and not a sign-up. Raises `StartupError`."""
        self._secret  # noqa: B018

    def issue(self, user_id: str, issued_at: float | None = None) -> dict[str, Any]:
        """Return `{access_token, token_type, expires_in}` for a user; `expires_in` in seconds."""
        import jwt  # with cryptography 8 MB, which open mode never needs

        issued_at = time.time() if issued_at is None else issued_at
        claims = {
            "iss": ISSUER,
            "sub": user_id,
            "aud": self._config.jwt_audience,
            "iat": issued_at,  # with its fraction: it is compared to the moment of a revocation
            "exp": int(issued_at) + self._config.access_token_ttl,
        }
        return {
            "access_token": jwt.encode(claims, self._secret, algorithm="HS256"),
            "token_type": "bearer",
            "expires_in": self._config.access_token_ttl,
        }

    def verify(self, token: str) -> Identity:
        """Return whom a token speaks for. Raises 401 token_expired or token_invalid.

        A signature that was verified less than a minute ago is not verified again; whether the token has been revoked
        is asked by each call of the database.
        """
        known = self._verified.get(token)
        if known is None or known.until <= time.time():
            identity = self._verify(token)
            known = Verified(identity, min(identity.expires_at, time.time() + VERIFIED_LIFETIME))
            self._verified[token] = known
            if len(self._verified) > MAX_VERIFIED:
                del self._verified[next(iter(self._verified))]
        return known.identity

    def _verify(self, token: str) -> Identity:
        import jwt

        if len(token) > MAX_TOKEN:
            raise Unauthorized("token_invalid", "The token is too long.")
        try:
            key, algorithm = self._key(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._config.jwt_audience,
                # A provider's clock may be a second ahead of ours, so `iat` is not held against the present.
                options={"require": ["exp", "sub"], "verify_iat": False},
            )
            times = {name: _seconds(claims[name]) for name in ("exp", "iat", "nbf") if name in claims}
        except jwt.ExpiredSignatureError:
            raise Unauthorized("token_expired") from None
        # RecursionError: JSON nested thousands deep. OverflowError: a number of hundreds of digits.
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise Unauthorized("token_invalid") from None
        user_id = parse_id(claims["sub"])
        if user_id is None:
            raise Unauthorized("token_invalid", "The token's subject is not a UUID.")
        issued_at = times.get("iat", 0.0)  # without it a token counts as older than any revocation
        if issued_at > time.time() + CLOCK_SKEW:  # milliseconds, perhaps: such a token could not be revoked
            raise Unauthorized("token_invalid", "The token's iat is not a time in seconds, or lies in the future.")
        return Identity(user_id, issued_at, times["exp"], algorithm == "HS256" and claims.get("iss") == ISSUER)

    def _key(self, header: dict[str, Any]) -> tuple[Any, str]:
        """Return the one key and the one algorithm that a token with this header may be verified with."""
        if header.get("alg") == "HS256" and self._secret:
            return self._secret, "HS256"
        if self._keys and header.get("alg") in self._keys.algorithms:
            key = self._keys.key(header.get("kid"))
            return key, key.algorithm_name
        raise Unauthorized("token_invalid", "The token's algorithm is not accepted here.")


#: The current app's tokens.
tokens = cast(Tokens, LocalProxy(lambda: current_app.extensions["tokens"]))


def bearer(header: str | None) -> str | None:
    """Return the token of an `Authorization` header, None without one. Raises 401 for another scheme."""
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("token_invalid", "The Authorization header must be `Bearer <token>`.")
    return token.strip()


def _seconds(claim: Any) -> float:
    """Return a time in a token (Unix seconds). Raises `ValueError` or `OverflowError` for what is none."""
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise ValueError("not a number")
    seconds = float(claim)
    if not 0 <= seconds < math.inf:
        raise ValueError("not a time")
    return seconds


def _kept_secret(path: Path) -> str:
    """Return the secret in a file that only its owner reads, made when it is missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            draft = path.with_name(f"{path.name}.{os.getpid()}")
            with open(draft, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.write(os.urandom(32).hex())
                file.flush()
                os.fsync(file.fileno())  # or a power cut could leave an empty file under the final name
            with suppress(FileExistsError):
                os.link(draft, path)  # of two processes that start at once, one makes the secret
            draft.unlink()
        secret = path.read_text(errors="replace").strip()
    except OSError as error:
        raise StartupError(f"The token secret in {path} cannot be read or made: {error.strerror}.") from None
    if len(secret) < 32:
        raise StartupError(f"The token secret in {path} is shorter than 32 bytes: remove the file for a new one.")
    return secret
