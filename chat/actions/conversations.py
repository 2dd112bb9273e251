"""Conversations are opened, changed and deleted."""

from typing import Any

from ..auth import Caller
from ..errors import ValidationFailed
from ..realtime.events import CONVERSATION_DELETED, CONVERSATION_UPDATED, NEW_CONVERSATION
from ..storage import storage
from .changes import announced, commit, system_messages


def create(caller: Caller, participant_ids: list[str], name: str) -> dict[str, Any]:
    """Open a conversation and announce it to the listed participants. Raises 404 user_not_found.

    An owner who is not listed hears of it only where the caller names its own socket.
    """
    change = storage.create_conversation(caller, {"name": name, "participant_ids": participant_ids})
    return announced(NEW_CONVERSATION, caller, change.result["id"], change)


def open_direct(caller: Caller, other_user_id: str) -> dict[str, Any]:
    """Return the one conversation of the caller and another, made and announced where there is none.

    Raises 404 user_not_found, 403 blocked, and 422 for a conversation with oneself.
    """
    if other_user_id == caller.user_id:
        raise ValidationFailed({"other_user_id": ["Must be somebody else."]})
    change = storage.open_direct_conversation(caller, other_user_id)
    return announced(NEW_CONVERSATION, caller, change.result["id"], change)


def update(caller: Caller, conversation_id: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Change what a conversation is like, and announce it. Raises 404 conversation_not_found, 403 not_allowed."""
    return commit(
        CONVERSATION_UPDATED,
        caller,
        conversation_id,
        lambda: storage.update_conversation(caller, conversation_id, changes, system_messages()),
    )


def delete(caller: Caller, conversation_id: str) -> dict[str, Any]:
    """Delete a conversation, and announce it. Raises 404 conversation_not_found, 403 not_allowed."""
    return commit(
        CONVERSATION_DELETED, caller, conversation_id, lambda: storage.delete_conversation(caller, conversation_id)
    )
