"""Every setting of the server: its type, its default and what it does, read once from the environment.

A setting is an upper-case environment variable (or a line in `.env`) and the lower-case field of
`Config` with the same name. A value that cannot be used raises `ConfigError` with one sentence for
the operator.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address
from math import inf
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import jwt

from .errors import ConfigError

#: What a browser calls an origin.
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@*\s]+")
#: The limits of token mode; in open mode there are none unless they are set.
RATE_LIMITS = {
    "rate_limit_signup": "20 per hour",
    "rate_limit_send": "600 per minute",
    "rate_limit_create": "3000 per hour",
    "rate_limit_default": "1200 per minute",
    "rate_limit_handshake": "1200 per minute",
}

#: Settings that are one of a few words, in any case; an empty one means the default.
CHOICES = {
    "auth_mode": ("open", "token", ""),
    "signup": ("open", "closed", ""),
    "log_level": ("debug", "info", "warning", "error"),
    "log_format": ("text", "json"),
}

StorageKind = Literal["embedded", "postgres", "supabase"]


def setting(default: Any, doc: str, *, secret: bool = False) -> Any:
    """Declare a setting: its default and the sentence that documents it. The `repr` does not show a secret."""
    return field(default=default, metadata={"doc": doc}, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of one server. Field names are the environment variables in lower case."""

    host: str = setting("127.0.0.1", "Address to listen on; 0.0.0.0 for every interface.")
    port: int = setting(3000, "TCP port to listen on.")

    database_url: str = setting("", "A PostgreSQL 15 or newer, pooled or not. Wins over the Supabase API.", secret=True)
    supabase_project_url: str = setting(
        "", "https://<project>.supabase.co: its API for storage, its Auth for identities."
    )
    supabase_service_role_key: str = setting(
        "", "The project's service_role key (or sb_secret_ key), for its API.", secret=True
    )
    supabase_public_anon: str = setting("", "The tutorial's setting; the server says which key it needs instead.")
    data_dir: str = setting(".data", "Where the embedded PostgreSQL lives when no other database is named.")
    storage_pool_size: int = setting(10, "Connections to the database, or to its API, kept by one process.")
    storage_timeout: float = setting(
        10.0,
        "Seconds that one call of the database may take, waiting for a connection included; a send waits as long at "
        "most for those before it.",
    )

    auth_mode: str = setting(
        "",
        "token: callers prove who they are. open: callers say who they are. Default: open on a loopback "
        "address with the embedded database, token everywhere else.",
    )
    signup: str = setting(
        "",
        "open: anyone may create a user and gets a token. closed: only who brings a token of the identity "
        "provider. Default: closed with a provider, open without.",
    )
    jwt_secret: str = setting(
        "",
        "32 bytes or more, for HS256 tokens: made here, or by a Supabase project's legacy secret. With the embedded "
        "database one is made and kept in DATA_DIR.",
        secret=True,
    )
    jwt_jwks_url: str = setting("", "Keys of an identity provider (ES256, RS256). Derived from SUPABASE_PROJECT_URL.")
    jwt_audience: str = setting("authenticated", "The aud that a token must carry.")
    access_token_ttl: int = setting(30 * 24 * 3600, "Seconds that a token made by this server is valid.")

    rate_limit_signup: str | None = setting(
        None, "Sign-ups of an address, or of a token's user. In token mode 20 per hour; empty: no limit."
    )
    rate_limit_send: str | None = setting(None, "Messages of a user. In token mode 600 per minute; empty: no limit.")
    rate_limit_create: str | None = setting(
        None,
        "Conversations of a user; each counts as one, and each participant as one more. In token mode 3000 per hour; "
        "empty: no limit.",
    )
    rate_limit_default: str | None = setting(
        None,
        "Everything else of a user, or of an address without a token. In token mode 1200 per minute; empty: no limit.",
    )
    rate_limit_handshake: str | None = setting(
        None, "Sockets that an address may open. In token mode 1200 per minute; empty: no limit."
    )
    redis_url: str = setting(
        "", "A Redis, redis:// or rediss://, in which several processes share the rate limits.", secret=True
    )
    trusted_proxies: int = setting(0, "How many hops of X-Forwarded-For to believe; 1 on Heroku.")
    max_sessions_per_user: int = setting(20, "Sockets that one user may hold open at once, on one process.")
    max_connections_per_address: int = setting(
        0, "Connections of one address, but for TRUSTED_PROXIES, on one process; 0: a quarter of all that fit."
    )
    max_queued_bytes: int = setting(1 << 20, "Bytes that may wait for a slow socket; over them it is closed.")

    cors_origins: str = setting(
        "*", "Origins that browsers may call from, separated by commas, or * for all; HTTP and Socket.IO alike."
    )
    log_level: str = setting("info", "debug, info, warning or error.")
    log_format: str = setting("text", "text for people, json for machines.")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings from `environ`, fill in what follows from others and check them.

        Raises `ConfigError` naming the variable that cannot be used.
        """
        given: dict[str, Any] = {}
        for each in fields(cls):
            name = each.name.upper()
            text = environ.get(name)
            if text is None or (not text.strip() and each.default is not None):
                continue
            text = text.strip().lower() if each.name in CHOICES else text.strip()
            given[each.name] = _parse(name, text, type(each.default))
        return cls(**given).checked()

    def checked(self) -> Self:
        """Return these settings with derived values filled in. Raises `ConfigError`."""
        for name, words in CHOICES.items():
            if getattr(self, name) not in words:
                allowed = " or ".join(filter(None, words))
                raise ConfigError(f"{name.upper()} must be {allowed}, not {getattr(self, name)!r}.")
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"PORT must be between 0 and 65535, not {self.port}.")
        positive = "storage_pool_size storage_timeout access_token_ttl max_sessions_per_user max_queued_bytes"
        for name in positive.split():
            if not 0 < getattr(self, name) < inf:
                raise ConfigError(f"{name.upper()} must be more than zero.")
        for name in ("trusted_proxies", "max_connections_per_address"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name.upper()} must be zero or more.")
        self._check_access()
        self._check_storage()
        return self._derived()

    @property
    def storage(self) -> StorageKind:
        """Which of the three storages these settings name."""
        if self.database_url:
            return "postgres"
        return "supabase" if self.supabase_project_url else "embedded"

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can reach the server."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def origins(self) -> str | list[str]:
        """CORS_ORIGINS as the libraries take it: `*` or a list of origins."""
        origins = [origin.strip().rstrip("/").lower() for origin in self.cors_origins.split(",") if origin.strip()]
        return "*" if "*" in origins else origins

    def _check_access(self) -> None:
        if self.jwt_secret and len(self.jwt_secret.encode()) < 32:
            raise ConfigError("JWT_SECRET must be at least 32 bytes long; `openssl rand -hex 32` makes one.")
        if self.jwt_secret and not _is_hmac_secret(self.jwt_secret):
            raise ConfigError("JWT_SECRET must be a secret text, not a key; JWT_JWKS_URL is where keys come from.")
        if self.jwt_jwks_url and not _is_url(self.jwt_jwks_url, "http", "https"):
            raise ConfigError("JWT_JWKS_URL must be the address of a key set and start with https://.")
        if self.redis_url and not _is_url(self.redis_url, "redis", "rediss"):
            raise ConfigError("REDIS_URL must start with redis:// or rediss://, as in redis://localhost:6379.")
        if self.origins != "*" and not (self.origins and all(map(ORIGIN.fullmatch, self.origins))):
            raise ConfigError(
                "CORS_ORIGINS must be * or origins like https://app.example.com, separated by commas, "
                f"not {self.cors_origins!r}."
            )

    def _check_storage(self) -> None:
        if self.database_url and not self.database_url.startswith(("postgres://", "postgresql://")):
            raise ConfigError("DATABASE_URL must start with postgres:// or postgresql://.")
        if self.supabase_project_url and not _is_url(self.supabase_project_url, "http", "https"):
            raise ConfigError("SUPABASE_PROJECT_URL must start with https://, as in https://<project>.supabase.co.")
        if self.storage == "supabase" and not self.supabase_service_role_key:
            raise ConfigError(
                "SUPABASE_SERVICE_ROLE_KEY is missing: the tables are closed to the public anon key, which everyone "
                "who has your app can read, so the server needs the service_role key (Supabase: Project Settings, API "
                "keys)."
            )
        if self.storage == "embedded" and (self.supabase_public_anon or self.supabase_service_role_key):
            raise ConfigError(
                "SUPABASE_PROJECT_URL is missing: a Supabase key alone does not say which project to use; set it and "
                "SUPABASE_SERVICE_ROLE_KEY, or remove the key to use the embedded database."
            )

    def _derived(self) -> Self:
        auth_mode = self.auth_mode or ("open" if self.storage == "embedded" and self.is_loopback else "token")
        jwks_url = self.jwt_jwks_url
        if not jwks_url and self.supabase_project_url:
            jwks_url = self.supabase_project_url.rstrip("/") + "/auth/v1/.well-known/jwks.json"
        signup = self.signup or ("closed" if jwks_url and auth_mode == "token" else "open")
        if auth_mode == "token" and self.storage != "embedded" and not self.jwt_secret:
            if not jwks_url:
                raise ConfigError(
                    "AUTH_MODE=token needs JWT_SECRET (at least 32 bytes, `openssl rand -hex 32` makes one) "
                    "or JWT_JWKS_URL, the keys of your identity provider."
                )
            if signup == "open":
                raise ConfigError("SIGNUP=open needs JWT_SECRET, with which the server signs the tokens of new users.")
        limits: dict[str, Any] = {
            name: default if getattr(self, name) is None else getattr(self, name)
            for name, default in (RATE_LIMITS if auth_mode == "token" else dict.fromkeys(RATE_LIMITS, "")).items()
        }
        data_dir = str(Path(self.data_dir).expanduser())
        return replace(self, auth_mode=auth_mode, signup=signup, jwt_jwks_url=jwks_url, data_dir=data_dir, **limits)


def _parse(name: str, text: str, kind: type) -> Any:
    if kind not in (int, float):
        return text
    try:
        return kind(text)
    except ValueError:
        raise ConfigError(f"{name} must be a number, not {text!r}.") from None


def _is_url(text: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0  # `port` raises for what is none
    except ValueError:
        return False


def _is_hmac_secret(text: str) -> bool:
    try:
        jwt.encode({}, text, "HS256")
    except jwt.InvalidKeyError:  # a PEM file, a JWK: in the settings by mistake, and perhaps known to everyone
        return False
    return True
