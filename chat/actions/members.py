"""Members come, go, and change. Everything raises 404 conversation_not_found."""

from typing import Any

from ..auth import Caller
from ..realtime.events import CONVERSATION_SETTINGS, CONVERSATION_UPDATED, NEW_CONVERSATION
from ..storage import storage
from .changes import commit, system_messages


def add(caller: Caller, conversation_id: str, draft: dict[str, Any]) -> dict[str, Any]:
    """Add people, and announce it. Raises 403 not_allowed, 404 user_not_found."""
    return commit(
        CONVERSATION_UPDATED,
        caller,
        conversation_id,
        lambda: storage.add_members(caller, conversation_id, draft, system_messages()),
    )


def join(caller: Caller, conversation_id: str) -> dict[str, Any]:
    """Enter a public conversation, and announce it."""
    return commit(
        NEW_CONVERSATION,
        caller,
        conversation_id,
        lambda: storage.join_conversation(caller, conversation_id, system_messages()),
    )


def update(caller: Caller, conversation_id: str, member_id: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Change a member's role or `custom`, and announce it. Raises 403 not_allowed, 404 user_not_found."""
    return commit(
        CONVERSATION_UPDATED,
        caller,
        conversation_id,
        lambda: storage.update_member(caller, conversation_id, member_id, changes),
    )


def remove(caller: Caller, conversation_id: str, member_id: str) -> dict[str, Any]:
    """Remove a member, or leave, and announce it. Raises 403 not_allowed, 404 user_not_found."""
    return commit(
        CONVERSATION_UPDATED,
        caller,
        conversation_id,
        lambda: storage.remove_member(caller, conversation_id, member_id, system_messages()),
    )


def update_settings(caller: Caller, conversation_id: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Change the caller's own settings, and announce it to the caller's other sessions."""
    return commit(
        CONVERSATION_SETTINGS,
        caller,
        conversation_id,
        lambda: storage.update_member_settings(caller, conversation_id, changes),
    )
