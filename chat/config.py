"""Every setting of the server: its type, its default and what it does, read once from the environment.

A setting is an upper-case environment variable (or a line in `.env`) and the lower-case field of
`Config` with the same name. A value that cannot be used raises `ConfigError` with one sentence for
the operator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self

from .config_checks import CHOICES, check
from .config_fields import names_in, setting
from .config_listeners import Listeners
from .errors import ConfigError

#: The limits of token mode; in open mode there are none unless they are set.
RATE_LIMITS = {
    "rate_limit_signup": "20 per hour",
    "rate_limit_send": "600 per minute",
    "rate_limit_create": "3000 per hour",
    "rate_limit_upload": "600 per hour",
    "rate_limit_default": "1200 per minute",
    "rate_limit_handshake": "1200 per minute",
}

StorageKind = Literal["embedded", "postgres", "supabase"]


@dataclass(frozen=True, kw_only=True)
class Config(Listeners):
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
        "Conversations that a user opens and people that a user adds; each counts as one. In token mode 3000 per hour; "
        "empty: no limit.",
    )
    rate_limit_upload: str | None = setting(None, "Files of a user. In token mode 600 per hour; empty: no limit.")
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

    conversation_messages: int = setting(
        10, "Messages of each conversation that `GET /conversations` carries without `message_limit`; 0 to 100."
    )

    system_messages: str = setting(
        "",
        "on: a message in the conversation tells who was added, joined, left or was removed, and a new name. off: only "
        "events do. Default: on in token mode, off in open mode.",
    )
    attachments_store: str = setting(
        "",
        "Where files are kept: directory, or supabase (Storage). Default: supabase where its API is the database, "
        "directory elsewhere.",
    )
    attachments_dir: str = setting("", "The directory of files. Default: attachments in DATA_DIR.")
    attachments_bucket: str = setting(
        "chat-attachments", "The bucket in Supabase Storage, made private if it is missing."
    )
    max_attachment_bytes: int = setting(10 << 20, "Bytes of a file.")
    retention_days: int = setting(
        0, "Days that messages and their files are kept, then deleted; 0: for ever. A conversation may say less."
    )

    cors_origins: str = setting(
        "",
        "Origins that browsers may call from, separated by commas, or * for all; HTTP and Socket.IO alike. Default: * "
        "in token mode; in open mode loopback origins, which are always allowed there.",
    )
    allowed_hosts: str = setting(
        "",
        "Host names that open mode answers to besides HOST and loopback names, separated by commas; with HOST=0.0.0.0 "
        "every IP address too.",
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
        check(self)
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
        data_dir = Path(self.data_dir).expanduser()
        return replace(
            self,
            auth_mode=auth_mode,
            signup=signup,
            jwt_jwks_url=jwks_url,
            data_dir=str(data_dir),
            system_messages=self.system_messages or ("on" if auth_mode == "token" else "off"),
            attachments_store=self.attachments_store or ("supabase" if self.storage == "supabase" else "directory"),
            attachments_dir=str(Path(self.attachments_dir or data_dir / "attachments").expanduser()),
            **limits,
        )

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
        """CORS_ORIGINS: `*`, or a list of origins, lower-case and without a slash at the end.

        By default `*` in token mode. Open mode allows loopback origins besides (`auth.origins`).
        """
        default = "*" if self.auth_mode == "token" else ""
        origins = [origin.rstrip("/").lower() for origin in names_in(self.cors_origins or default)]
        return "*" if "*" in origins else origins

    @property
    def hosts(self) -> list[str]:
        """ALLOWED_HOSTS as a list."""
        return names_in(self.allowed_hosts)


def _parse(name: str, text: str, kind: type) -> Any:
    if kind not in (int, float):
        return text
    try:
        return kind(text)
    except ValueError:
        raise ConfigError(f"{name} must be a number, not {text!r}.") from None
