"""Messages are sent."""

from typing import Any

from ..auth import Caller
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
)


def send(caller: Caller, conversation_id: str, draft: dict[str, Any]) -> dict[str, Any]:
    """Send `{message, client_id, …}`, announce it, and return the message; a repeated `client_id` gets the first one.

    Raises 404 conversation_not_found, also for a caller who is no member.
    """
    return commit_send(caller, conversation_id, draft)
