"""Conversations are opened."""

from typing import Any

from ..auth import Caller
from ..realtime.announce import announce
from ..realtime.events import NEW_CONVERSATION
from ..storage import Announcement, storage


def create(caller: Caller, participant_ids: list[str], name: str) -> dict[str, Any]:
    """Open a conversation and announce it to the listed participants. Raises 404 user_not_found.

    An owner who is not listed hears of it only where the caller names its own socket.
    """
    change = storage.create_conversation(caller, {"name": name, "participant_ids": participant_ids})
    event = Announcement(event=NEW_CONVERSATION.name, payload=change.result)
    if caller.user_id not in participant_ids:
        event["skips"] = "caller"
    announce(NEW_CONVERSATION, event, change.result["id"], change.audience_version, caller)
    return change.result
