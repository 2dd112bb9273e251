"""Messages are edited and deleted."""

from typing import Any

from ..auth import Caller
from ..realtime.events import MESSAGE_DELETED, MESSAGE_UPDATED
from ..storage import storage
from .changes import commit, conversation_of


def edit(caller: Caller, message_id: str, change: dict[str, Any]) -> dict[str, Any]:
    """Edit a message, announce it, and return it. Raises what `storage.edit_message` raises."""
    write = lambda: storage.edit_message(caller, message_id, change)  # noqa: E731
    return commit(MESSAGE_UPDATED, caller, conversation_of(message_id), write)


def delete(caller: Caller, message_id: str) -> dict[str, Any]:
    """Delete a message, announce it, and return what is left of it. Raises 404 message_not_found, 403 not_allowed."""
    write = lambda: storage.delete_message(caller, message_id)  # noqa: E731
    return commit(MESSAGE_DELETED, caller, conversation_of(message_id), write)
