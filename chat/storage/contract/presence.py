"""Presence: who has a socket, on whichever process."""

from typing import Any, NotRequired, TypedDict

from .calls import Caller, Calls, sql


class Seen(TypedDict):
    """Whether a user has a socket, and when the last one went.

    `visible`, where it is asked for somebody: false when that one may not know, and learns nothing of it here.
    """

    user_id: str
    online: bool
    last_seen_at: str | None
    visible: NotRequired[bool]


class Reported(TypedDict):
    """What the database says to a report: whether it knows the process, and who came or went anywhere."""

    is_known: bool
    changes: list[Seen]


class Presence(Calls):
    """Presence."""

    @sql
    def update_presence(self, report: dict[str, Any]) -> Reported:
        """Say who came and went on a process: `{process, lease, is_whole, online, offline, seconds, watched}`.

        `is_whole`: `online` is everybody. When the process is not known, nothing was done, and the whole is to be said.
        The answer has who came or went in the last `seconds` (None: nobody), of `watched` (None: of all).
        """

    @sql
    def watch_presence(self, caller: Caller, watch: dict[str, Any]) -> list[Seen]:
        """Return the presence of those of `{user_ids}` who share a conversation with the caller."""

    @sql
    def check_watches(self, watches: dict[str, Any]) -> dict[str, list[Seen]]:
        """Return the same for many who watch: `{user id: [user ids]}`."""
