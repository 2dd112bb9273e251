"""The checks of the settings. Each raises `ConfigError`: one sentence for the operator, naming the variable."""

import base64
import json
import re
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .errors import ConfigError

if TYPE_CHECKING:
    from .config import Config

#: Settings that are one of a few words, in any case; an empty one means the default.
CHOICES = {
    "auth_mode": ("open", "token", ""),
    "signup": ("open", "closed", ""),
    "system_messages": ("on", "off", ""),
    "attachments_store": ("directory", "supabase", ""),
    "push_expo": ("on", "off", ""),
    "push_text": ("on", "off"),
    "log_level": ("debug", "info", "warning", "error"),
    "log_format": ("text", "json"),
}
#: Numbers that must be more than zero.
POSITIVE = ("storage_pool_size", "storage_timeout", "access_token_ttl", "max_sessions_per_user", "max_queued_bytes")
#: Numbers in a range, both ends included.
RANGES = {
    "port": (0, 65535),
    "conversation_messages": (0, 100),
    "trusted_proxies": (0, 100),
    "retention_days": (0, 36500),
    "max_attachment_bytes": (1, 5 << 30),
    "max_connections_per_address": (0, 1 << 20),
}

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@*\s]+")
#: What is read of a service account's file.
SERVICE_ACCOUNT = ("project_id", "client_email", "private_key", "token_uri")
#: The order of the curve P-256: private keys are less.
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
#: A name, or an IPv4 or IPv6 address.
HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?")


def check(config: "Config") -> None:
    """Raise `ConfigError` when a setting, or a combination of them, cannot be used."""
    for name, words in CHOICES.items():
        if getattr(config, name) not in words:
            allowed = " or ".join(filter(None, words))
            raise ConfigError(f"{name.upper()} must be {allowed}, not {getattr(config, name)!r}.")
    for name, (minimum, maximum) in RANGES.items():
        if not minimum <= getattr(config, name) <= maximum:
            raise ConfigError(f"{name.upper()} must be between {minimum} and {maximum}, not {getattr(config, name)}.")
    for name in POSITIVE:
        if not 0 < getattr(config, name) < inf:
            raise ConfigError(f"{name.upper()} must be more than zero.")
    _check_access(config)
    _check_storage(config)
    _check_webhook(config)
    _check_push(config)


def _check_access(config: "Config") -> None:
    if config.jwt_secret and len(config.jwt_secret.encode()) < 32:
        raise ConfigError("JWT_SECRET must be at least 32 bytes long; `openssl rand -hex 32` makes one.")
    if config.jwt_secret and not _is_hmac_secret(config.jwt_secret):
        raise ConfigError("JWT_SECRET must be a secret text, not a key; JWT_JWKS_URL is where keys come from.")
    if config.jwt_jwks_url and not _is_url(config.jwt_jwks_url, "http", "https"):
        raise ConfigError("JWT_JWKS_URL must be the address of a key set and start with https://.")
    if config.redis_url and not _is_url(config.redis_url, "redis", "rediss"):
        raise ConfigError("REDIS_URL must start with redis:// or rediss://, as in redis://localhost:6379.")
    if config.cors_origins and not (config.origins and all(map(ORIGIN.fullmatch, set(config.origins) - {"*"}))):
        raise ConfigError(
            "CORS_ORIGINS must be * or origins like https://app.example.com, separated by commas, "
            f"not {config.cors_origins!r}."
        )
    if not all(map(HOST.fullmatch, config.hosts)):
        raise ConfigError(
            "ALLOWED_HOSTS must be names like chat.example.com, without a port, separated by commas, "
            f"not {config.allowed_hosts!r}."
        )


def _check_storage(config: "Config") -> None:
    if config.database_url and not config.database_url.startswith(("postgres://", "postgresql://")):
        raise ConfigError("DATABASE_URL must start with postgres:// or postgresql://.")
    if config.supabase_project_url and not _is_url(config.supabase_project_url, "http", "https"):
        raise ConfigError("SUPABASE_PROJECT_URL must start with https://, as in https://<project>.supabase.co.")
    if config.attachments_store == "supabase" and not (
        config.supabase_project_url and config.supabase_service_role_key
    ):
        raise ConfigError(
            "ATTACHMENTS_STORE=supabase needs SUPABASE_PROJECT_URL and SUPABASE_SERVICE_ROLE_KEY, the project whose "
            "Storage it is."
        )
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", config.attachments_bucket):
        raise ConfigError(
            "ATTACHMENTS_BUCKET must be a name of letters, digits, `.`, `_` and `-`, "
            f"not {config.attachments_bucket!r}."
        )
    if config.storage == "supabase" and not config.supabase_service_role_key:
        raise ConfigError(
            "SUPABASE_SERVICE_ROLE_KEY is missing: the tables are closed to the public anon key, which everyone "
            "who has your app can read, so the server needs the service_role key (Supabase: Project Settings, API "
            "keys)."
        )
    if config.storage == "embedded" and (config.supabase_public_anon or config.supabase_service_role_key):
        raise ConfigError(
            "SUPABASE_PROJECT_URL is missing: a Supabase key alone does not say which project to use; set it and "
            "SUPABASE_SERVICE_ROLE_KEY, or remove the key to use the embedded database."
        )


def _is_url(text: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0  # `port` raises for what is none
    except ValueError:
        return False


def _is_hmac_secret(text: str) -> bool:
    import jwt  # which brings cryptography: only where there is a secret

    try:
        jwt.encode({}, text, "HS256")
    except jwt.InvalidKeyError:  # a PEM file, a JWK: in the settings by mistake, and perhaps known to everyone
        return False
    return True


def _check_webhook(config: "Config") -> None:
    if not config.webhook_url:
        return
    if not config.webhook_url.startswith(("https://", "http://")):
        raise ConfigError("WEBHOOK_URL must begin with https:// or http://.")
    try:
        long_enough = 24 <= len(base64.b64decode(config.webhook_secret.removeprefix("whsec_"), validate=True)) <= 64
    except ValueError:
        long_enough = False
    if not config.webhook_secret.startswith("whsec_") or not long_enough:
        raise ConfigError(
            "WEBHOOK_URL needs WEBHOOK_SECRET, whsec_ and 24 to 64 bytes in base64 "
            "(`echo whsec_$(openssl rand -base64 32)` makes one)."
        )


def _check_push(config: "Config") -> None:
    if config.vapid_private_key and not _is_vapid_key(config.vapid_private_key):
        raise ConfigError(
            "VAPID_PRIVATE_KEY must be 32 bytes in URL-safe base64, a private key of the curve P-256 "
            "(`openssl rand -base64 32 | tr '/+' '_-' | tr -d '='` makes one)."
        )
    if config.vapid_private_key and not config.vapid_subject.startswith(("mailto:", "https://")):
        raise ConfigError(
            "VAPID_PRIVATE_KEY needs VAPID_SUBJECT, whom the push services may write to: mailto:you@example.com, "
            "or an https:// address."
        )
    hosts = [host.removeprefix("*.") for host in config.push_hosts]
    if not hosts or not all(map(HOST.fullmatch, hosts)):
        raise ConfigError("WEBPUSH_HOSTS must be names like push.example.com or *.example.com, separated by commas.")
    if config.fcm_service_account_file:
        _check_service_account(config.fcm_service_account_file)


def _is_vapid_key(text: str) -> bool:
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except ValueError:
        return False
    return len(key) == 32 and 0 < int.from_bytes(key) < P256_ORDER


def _check_service_account(path: str) -> None:
    try:
        account = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"FCM_SERVICE_ACCOUNT_FILE cannot be read: {type(error).__name__}.") from None
    if not isinstance(account, dict) or not all(isinstance(account.get(name), str) for name in SERVICE_ACCOUNT):
        raise ConfigError(
            "FCM_SERVICE_ACCOUNT_FILE must be the JSON file of a service account's key, with "
            f"{', '.join(SERVICE_ACCOUNT)} (Firebase: Project settings, Service accounts)."
        )
