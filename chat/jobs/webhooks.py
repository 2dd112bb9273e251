"""Tells the app's own backend of changes: signed as Standard Webhooks say, in order within a conversation.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import time
from typing import Any

import orjson
from flask import current_app

from ..push.http import post
from ..push.outcomes import PushFailed
from ..storage import WebhookEvent, storage

#: Seconds after which a change that the webhook has not taken is given up; people may send it again.
GIVE_UP = 24 * 3600
#: Tries of one job: 2, 4, 8, … seconds apart, an hour at most; a little more than GIVE_UP altogether.
ATTEMPTS = 40
#: Changes that are read at once.
PAGE = 20


class WebhookFailed(Exception):
    """The webhook did not take a change."""


def send_webhooks(payload: dict[str, Any]) -> None:
    """Tell the webhook what it has not heard of a conversation. Raises `WebhookFailed`: the job then runs again."""
    while events := storage.list_webhook_events(payload["conversation_id"], PAGE):
        for event in events:
            try:
                _post(event)
            except WebhookFailed as error:
                if not storage.fail_webhook_event(event["id"], str(error)[:1000], GIVE_UP):
                    raise
            else:
                storage.delete_webhook_events([event["id"]])


def add_webhook_jobs(_: dict[str, Any]) -> None:
    """Send what came while the last job of its conversation was ending."""
    storage.add_webhook_jobs()


def sign(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a body: `v1,` and the base64 of an HMAC-SHA256."""
    signed = b"%s.%d.%s" % (event_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode()


def key_of(secret: str) -> bytes:
    """Return the key in a secret `whsec_<base64>`. Raises `ValueError` for anything else."""
    if not secret.startswith("whsec_"):
        raise ValueError("a webhook's secret begins with whsec_")
    return base64.b64decode(secret.removeprefix("whsec_"), validate=True)


def _post(event: WebhookEvent) -> None:
    config = current_app.config["CHAT"]
    body = orjson.dumps({"type": event["type"], "timestamp": event["created_at"], "data": event["data"]})
    timestamp = int(time.time())  # of this try: receivers refuse old ones
    headers = {
        "content-type": "application/json",
        "webhook-id": event["event_id"],
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(config.webhook_secret, event["event_id"], timestamp, body),
    }
    try:
        status = post(config.webhook_url, body, headers).status
    except PushFailed as error:
        raise WebhookFailed(str(error)) from None
    if not 200 <= status < 300:
        raise WebhookFailed(f"the webhook answered {status}")
