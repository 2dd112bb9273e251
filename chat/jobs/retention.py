"""What deletes messages that are older than they may get."""

from typing import Any

from flask import current_app

from ..storage import storage
from .attachments import sweep_attachments

#: Conversations that are looked at in one call.
PAGE = 1000
#: Messages that are deleted in one transaction, during which nobody can send to their conversation.
BATCH = 500


def sweep_messages(_: dict[str, Any]) -> None:
    """Delete the messages that are older than RETENTION_DAYS or than their conversation keeps them, and their files."""
    days = current_app.config["CHAT"].retention_days or None
    after: str | None = None
    deleted = 0
    while True:
        found = storage.list_expired_conversations(days, after, PAGE)
        for id in found["ids"]:
            while swept := storage.sweep_conversation(id, days, BATCH):
                deleted += swept
        after = found["last"]
        if after is None:
            break
    if deleted:
        sweep_attachments({})
