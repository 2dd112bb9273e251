"""Conversations are opened."""

from typing import Any

from ..realtime import events
from ..storage import Actor, storage


def create(actor: Actor, participant_ids: list[str], name: str, own_sid: str | None = None) -> dict[str, Any]:
    """Open a conversation and tell the listed participants. Raises 404 user_not_found."""
    created = storage.create_conversation(actor, participant_ids, name)
    events.new_conversation(created["conversation"], created["recipients"], own_sid)
    return created["conversation"]
