"""Members react to messages. Each raises 404 message_not_found."""

from typing import Any

from ..auth import Caller
from ..realtime.events import REACTION
from ..storage import storage
from .changes import commit, conversation_of


def add(caller: Caller, message_id: str, emoji: str) -> dict[str, Any]:
    """React to a message, announce it, and return the message. Raises 403 blocked, frozen, 422 too_many_reactions."""
    write = lambda: storage.add_reaction(caller, message_id, emoji)  # noqa: E731
    return commit(REACTION, caller, conversation_of(message_id), write)


def remove(caller: Caller, message_id: str, emoji: str) -> dict[str, Any]:
    """Take a reaction back, announce it, and return the message."""
    write = lambda: storage.remove_reaction(caller, message_id, emoji)  # noqa: E731
    return commit(REACTION, caller, conversation_of(message_id), write)
