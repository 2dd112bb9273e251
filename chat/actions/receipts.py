"""Messages are received and read."""

from typing import Any

from ..realtime import events
from ..storage import Actor, storage


def update(
    actor: Actor, conversation_id: str, read_seq: int | None, delivered_seq: int | None, own_sid: str | None = None
) -> dict[str, Any]:
    """Move the user's pointers forward and tell the members if one moved. Raises 404 conversation_not_found."""
    updated = storage.update_receipt(conversation_id, actor, read_seq, delivered_seq)
    if updated["recipients"]:
        events.receipt(updated["receipt"], updated["recipients"], own_sid)
    return updated["receipt"]
