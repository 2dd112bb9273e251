"""The members of conversations, cached by version in each process.

A conversation's `audience_version` grows with every change of its members, and every write returns it. The cached
members are used when they are of that version or a later one, and fetched when not; nothing needs to invalidate them.
"""

import time
from collections import OrderedDict
from typing import NamedTuple, cast

from flask import current_app
from werkzeug.local import LocalProxy

from ..storage import storage

#: The largest number of cached ids, of all conversations together; about 20 MB.
MAX_IDS = 200_000
#: Seconds for which members count as present ones where no write has said their version.
RECENT = 15.0


class Members(NamedTuple):
    """The members of a conversation at a version; the first message that exists for those who do not see them all.

    `fetched_at` is when they were the members, at least (`time.monotonic()`).
    """

    version: int
    user_ids: tuple[str, ...]
    history_from: dict[str, int]
    fetched_at: float = 0.0


class Audiences:
    """The members of the conversations that were written to most recently."""

    def __init__(self, max_ids: int = MAX_IDS) -> None:
        self._max_ids = max_ids
        self._ids = 0
        self._kept: OrderedDict[str, Members] = OrderedDict()

    def members(self, conversation_id: str, version: int) -> Members:
        """Return the members at this version or a later one; nobody when the conversation is gone.

        Raises 503 storage_unavailable when they must be fetched and cannot be.
        """
        kept = self._kept.get(conversation_id)
        if kept is None or kept.version < version:
            kept = self._fetch(conversation_id)
        else:
            self._kept.move_to_end(conversation_id)
        return kept

    def recent_members(self, conversation_id: str) -> Members:
        """Return who were the members less than RECENT seconds ago; nobody when the conversation is gone.

        For what has no version. Raises 503 storage_unavailable when they must be fetched and cannot be.
        """
        kept = self._kept.get(conversation_id)
        if kept is None or kept.fetched_at <= time.monotonic() - RECENT:
            return self._fetch(conversation_id)
        return kept

    def _fetch(self, conversation_id: str) -> Members:
        now = time.monotonic()
        found = storage.get_audience(conversation_id)
        members = (
            Members(found["audience_version"], tuple(found["user_ids"]), found["history_from"], now)
            if found
            else Members(0, (), {}, now)
        )
        kept = self._kept.get(conversation_id)
        if kept and found and kept.version > members.version:
            return kept  # another green thread fetched a later one meanwhile
        self._ids += len(members.user_ids) - (len(kept.user_ids) if kept else 0)
        self._kept[conversation_id] = members
        self._kept.move_to_end(conversation_id)
        while self._ids > self._max_ids and len(self._kept) > 1:
            self._ids -= len(self._kept.popitem(last=False)[1].user_ids)
        return members


#: The current app's audiences.
audiences = cast(Audiences, LocalProxy(lambda: current_app.extensions["audiences"]))
