"""Messages are sent."""

from typing import Any

from ..auth import Caller
from ..realtime.typing import typing
from . import scheduled
from .changes import commit_send

#: The codes of what a send raises, besides those of the caller.
SEND_ERRORS = (
    "conversation_not_found",
    "message_not_found",
    "attachment_not_found",
    "attachment_used",
    "blocked",
    "frozen",
    "slow_mode",
    "too_many_scheduled",
)


def send(caller: Caller, conversation_id: str, draft: dict[str, Any]) -> dict[str, Any]:
    """Send `{message, client_id, …}`, announce it, and return the message; a repeated `client_id` gets the first one.

    With `send_at` it is scheduled, and the answer is `{scheduled}`. Raises 404 conversation_not_found, also for a
    caller who is no member.
    """
    send_at = draft.pop("send_at", None)
    if send_at:
        return {"scheduled": scheduled.create(caller, conversation_id, draft, send_at)}
    sent = commit_send(caller, conversation_id, draft)
    typing.stop(conversation_id, caller.user_id)
    return sent
