"""Devices are registered and forgotten."""

import re
from typing import Any

from flask import current_app

from ..auth import Caller
from ..errors import ValidationFailed
from ..push.endpoints import decode, may_send_to, token_of
from ..storage import storage

#: What a token looks like, by service.
TOKENS = {
    "webpush": re.compile(r"[A-Za-z0-9_-]{43}"),
    "expo": re.compile(r"Expo(nent)?PushToken\[[A-Za-z0-9_-]{1,200}\]"),
    "fcm": re.compile(r"[A-Za-z0-9_:.-]{20,1024}"),
}
#: The bytes of a subscription's keys: a point of P-256, and a secret.
KEYS = {"p256dh": 65, "auth": 16}


def register(caller: Caller, user_id: str, token: str, body: dict[str, Any]) -> str:
    """Register a device of the caller's and return it (JSON text). Raises 403 not_allowed, 422 validation_failed."""
    service = body["service"]
    if not TOKENS[service].fullmatch(token):
        raise ValidationFailed({"token": [f"Not a token of {service}."]})
    subscription = _subscription(token, body) if service == "webpush" else {}
    return storage.put_device(caller, user_id, token, {"service": service, **subscription})


def forget(caller: Caller, user_id: str, token: str) -> str:
    """Forget a device of the caller's and return what is left of it (JSON text). Raises 403 not_allowed, 422."""
    if not any(each.fullmatch(token) for each in TOKENS.values()):
        raise ValidationFailed({"token": ["Not a token of any service."]})
    return storage.delete_device(caller, user_id, token)


def _subscription(token: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return `{endpoint, p256dh, auth}` of a browser's subscription. Raises 422 validation_failed."""
    endpoint, keys = body.get("endpoint") or "", body.get("keys") or {}
    errors: dict[str, list[str]] = {}
    if len(endpoint) > 2048 or not may_send_to(endpoint, current_app.config["CHAT"].push_hosts):
        errors["endpoint"] = ["Not an address of a push service that this server sends to."]
    elif token != token_of(endpoint):
        errors["token"] = ["Not the SHA-256 of the endpoint in URL-safe base64."]
    for name, length in KEYS.items():
        if not _is_key(keys.get(name, ""), length):
            errors[f"keys.{name}"] = [f"Not {length} bytes in URL-safe base64."]
    if errors:
        raise ValidationFailed(errors)
    return {"endpoint": endpoint, **keys}


def _is_key(text: str, length: int) -> bool:
    try:
        key = decode(text)
    except ValueError:
        return False
    return len(key) == length and (length != KEYS["p256dh"] or key[0] == 4)
