"""Messages are pinned."""

from typing import Any

from ..auth import Caller
from ..realtime.events import MESSAGE_UPDATED
from ..storage import storage
from .changes import commit, conversation_of


def pin(caller: Caller, message_id: str, is_pinned: bool) -> dict[str, Any]:
    """Pin a message or take it off, announce it, and return it. Raises 404 message_not_found, 403 not_allowed."""
    write = lambda: storage.set_pin(caller, message_id, is_pinned)  # noqa: E731
    return commit(MESSAGE_UPDATED, caller, conversation_of(message_id), write)
