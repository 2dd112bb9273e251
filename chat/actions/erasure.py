"""People are erased: the profile at once, what stands in conversations by a job."""

import logging
from functools import partial
from typing import Any

from ..auth import Caller
from ..realtime.events import MESSAGE_DELETED
from ..realtime.presence import presence
from ..realtime.privacy import privacies
from ..storage import storage
from . import sessions
from .changes import commit
from .jobs import wake_runner
from .users import announce_profile

log = logging.getLogger(__name__)

#: Messages, and reactions, in one transaction.
BATCH = 200


def erase(caller: Caller, target_id: str, keep_messages: bool) -> dict[str, Any]:
    """Erase the caller, end its sessions, and return `{id, erased_at}`; the job `erase_user` does the rest.

    Raises 403 not_allowed for another user, 404 user_not_found for one who was erased.
    """
    erased = storage.erase_user(caller, target_id, keep_messages)
    privacies.forget(target_id)
    presence.hide(target_id)
    announce_profile(erased["profile"])
    sessions.end_revoked([{"user_id": target_id, "revoked_at": erased["revoked_at"], "is_erased": True}])
    wake_runner()
    return {"id": target_id, "erased_at": erased["erased_at"]}


def erase_traces(user_id: str, keep_messages: bool) -> None:
    """Take an erased user out of every conversation, and delete what is of none. Broken off, it may begin anew."""
    done: list[str] = []
    while (found := storage.list_traces(user_id, keep_messages)) and found != done:
        for conversation_id in found:
            _erase_in_conversation(user_id, conversation_id, keep_messages)
        done = found
    if found:
        log.error("traces of an erased user stay in %d conversations", len(found))
    while not storage.erase_rest(user_id, BATCH):
        pass


def _erase_in_conversation(user_id: str, conversation_id: str, keep_messages: bool) -> None:
    after: int | None = 0
    while after is not None:
        write = partial(storage.erase_traces, user_id, conversation_id, keep_messages, after, BATCH)
        after = commit(MESSAGE_DELETED, Caller(user_id), conversation_id, write)["next"]
