"""What is to be respected of users when events are sent: whether they share receipts, and who has blocked whom.

Cached, because events must cost no call of the database each. A change counts at once in the process that makes it, and
after LIFE seconds in the others.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple, cast

from flask import current_app
from werkzeug.local import LocalProxy

from ..storage import storage

#: Seconds for which an answer of the database counts.
LIFE = 60.0
#: Users who are remembered, about 300 bytes each.
MAX_USERS = 50_000


class Privacy(NamedTuple):
    """What is to be respected of one user, until a moment."""

    share_receipts: bool
    blocked_with: frozenset[str]
    ends_at: float


class Privacies:
    """What is to be respected of the users whom events were for most recently."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Privacy] = OrderedDict()
        self._changes = 0

    def of(self, user_ids: Iterable[str]) -> dict[str, Privacy]:
        """Return what is to be respected of each user; who does not exist is left out.

        Raises 503 storage_unavailable when the database must be asked and does not answer.
        """
        now = time.monotonic()
        known = {user_id: self._known.get(user_id) for user_id in user_ids}
        missing = [user_id for user_id, privacy in known.items() if privacy is None or privacy.ends_at <= now]
        if missing:
            known |= dict.fromkeys(missing) | self._fetch(missing, now)
        return {user_id: privacy for user_id, privacy in known.items() if privacy}

    def forget(self, *user_ids: str) -> None:
        """Ask anew next time: something has changed."""
        self._changes += 1
        for user_id in user_ids:
            self._known.pop(user_id, None)

    def _fetch(self, user_ids: list[str], now: float) -> dict[str, Privacy]:
        changes = self._changes
        found = {
            user_id: Privacy(each["share_receipts"], frozenset(each["blocked_with"]), now + LIFE)
            for user_id, each in storage.list_privacy({"user_ids": user_ids}).items()
        }
        if changes == self._changes:  # else it may be of before a change
            self._known |= found
            while len(self._known) > MAX_USERS:
                self._known.popitem(last=False)
        return found


#: The current app's.
privacies = cast(Privacies, LocalProxy(lambda: current_app.extensions["privacies"]))
