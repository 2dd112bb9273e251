"""Conversations are opened."""

from typing import Any

from ..auth import Caller
from ..realtime.announce import announce
from ..realtime.events import NEW_CONVERSATION
from ..storage import storage


def create(caller: Caller, participant_ids: list[str], name: str) -> dict[str, Any]:
    """Open a conversation and announce it to the listed participants. Raises 404 user_not_found.

    An owner who is not listed hears of it only where the caller names its own socket.
    """
    change = storage.create_conversation(caller, {"name": name, "participant_ids": participant_ids})
    skips = "socket" if caller.user_id in participant_ids else "caller"
    announce(NEW_CONVERSATION, change.result, change.result["id"], change.audience_version, caller, skips=skips)
    return change.result
