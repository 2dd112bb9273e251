"""Who is online, told to those who watch it.

Each process says once a second who came and went on it, all of them in one call, and hears who came and went on the
others. A process that is killed says nothing any longer: after LEASE seconds its people are offline.
"""

import secrets
import time
from typing import Any, NamedTuple, cast

from flask import current_app
from werkzeug.local import LocalProxy

from ..storage import Seen, storage
from .announce import announce_to
from .events import PRESENCE
from .sessions import sessions

#: Seconds from the last session's end until its user is offline: a phone that changes networks is not gone.
GRACE = 10.0
#: Seconds for which the word of a process counts; it is renewed three times in that time.
LEASE = 30.0
#: Seconds between two looks at the other processes, while anybody watches.
LOOK = 3.0
#: Seconds that a look goes back: a change may commit later than its time says.
LOOK_BACK = 15.0
#: Seconds after which is checked anew whether a watcher may see whom it watches; so many watchers at once.
RECHECK = 60.0
RECHECKED = 100
#: Watched users whom a look names; of more it asks for everybody.
NAMED = 1000


class Watch(NamedTuple):
    """What one socket watches: for whom, whom it asked for, whom of them it may see, and when that was checked."""

    user_id: str
    wanted: tuple[str, ...]
    visible: frozenset[str]
    checked_at: float


class Presence:
    """The users of this process's sockets, and what these watch."""

    def __init__(self) -> None:
        self._process = secrets.token_hex(8)
        self._reported: set[str] = set()  # those whom the database takes for online here
        self._left: dict[str, float] = {}  # of these, those whose last session has gone, and when
        self._reported_at = self._looked_at = float("-inf")
        self._watches: dict[str, Watch] = {}  # by sid
        self._watchers: dict[str, set[str]] = {}  # by watched user: sids
        self._told: dict[str, Seen] = {}  # of watched users, what the watchers know

    # what the sockets say

    def watch(self, sid: str, user_id: str, wanted: list[str], seen: list[Seen]) -> list[Seen]:
        """Watch these users in place of those before, and return what the watcher may know of them now."""
        self.leave(sid)
        if not self._watches:
            self._looked_at = time.monotonic()
        if sessions.get(sid) and wanted:
            self._watches[sid] = Watch(user_id, tuple(wanted), frozenset(), 0)
            self._see(sid, seen)
        return [_public(each) for each in seen]

    def leave(self, sid: str) -> None:
        """A socket watches nobody any longer."""
        watch = self._watches.pop(sid, None)
        if watch:
            self._unsee(sid, watch.visible)

    def hide(self, user_id: str, other_id: str | None = None) -> None:
        """Let a user and another one, or everybody, see each other no longer: they have gone, for all they know."""
        for sid, watch in list(self._watches.items()):
            if watch.user_id == user_id:
                self._hide(sid, watch.visible if other_id is None else watch.visible & {other_id})
            elif watch.user_id == other_id or other_id is None:
                self._hide(sid, watch.visible & {user_id})

    # what is done once a second

    def update(self) -> None:
        """Tell the database who came and went here, and the watchers who did anywhere."""
        now, here = time.monotonic(), sessions.user_ids()
        came = here - self._reported
        for user_id in here & self._left.keys():
            del self._left[user_id]
        for user_id in self._reported - here:
            self._left.setdefault(user_id, now)
        gone = {user_id for user_id, left_at in self._left.items() if now - left_at >= GRACE}
        must_look = bool(self._watches) and now - self._looked_at >= LOOK
        must_renew = bool(self._reported) and now - self._reported_at >= LEASE / 3
        if came or gone or must_look or must_renew:
            self._report(came, gone, now)
        self._recheck(now)

    def _report(self, came: set[str], gone: set[str], now: float) -> None:
        watched = list(self._watchers)
        look = {
            "seconds": LOOK_BACK + (0 if self._looked_at < 0 else now - self._looked_at) if watched else None,
            "watched": watched if len(watched) <= NAMED else None,
        }
        common = {"process": self._process, "lease": LEASE} | look
        online = (self._reported | came) - gone
        is_whole = self._reported_at < 0
        answer = storage.update_presence(
            common | {"is_whole": is_whole, "online": list(online if is_whole else came), "offline": list(gone)}
        )
        if not answer["is_known"]:  # it took this process for gone
            answer = storage.update_presence(common | {"is_whole": True, "online": list(online), "offline": []})
        self._reported = online
        for user_id in gone:
            self._left.pop(user_id, None)
        self._reported_at = self._looked_at = now
        for seen in answer["changes"]:
            self._tell(seen)

    def _tell(self, seen: Seen) -> None:
        """Send an event to the watchers of a user if it says something that they do not know."""
        watchers = self._watchers.get(seen["user_id"])
        if watchers and self._told.get(seen["user_id"]) != seen:
            self._told[seen["user_id"]] = seen
            announce_to(PRESENCE, _public(seen), list(watchers))

    def _recheck(self, now: float) -> None:
        """Find out what some watchers may see by now: conversations were left, somebody was blocked elsewhere."""
        due = [sid for sid, watch in self._watches.items() if now - watch.checked_at >= RECHECK][:RECHECKED]
        asked = {sid: self._watches[sid] for sid in due}
        if not asked:
            return
        # A user with several sockets may watch others on each.
        wanted: dict[str, set[str]] = {}
        for watch in asked.values():
            wanted.setdefault(watch.user_id, set()).update(watch.wanted)
        found = storage.check_watches({user_id: list(ids) for user_id, ids in wanted.items()})
        for sid, watch in asked.items():
            if self._watches.get(sid) is watch:
                self._see(sid, [each for each in found.get(watch.user_id, []) if each["user_id"] in watch.wanted], True)

    def _see(self, sid: str, seen: list[Seen], tell: bool = False) -> None:
        """Let a watcher see those whom it may; with `tell` it hears of those whom it did not see before."""
        watch = self._watches[sid]
        states = {each["user_id"]: _public(each) for each in seen if each.get("visible")}
        self._hide(sid, watch.visible - states.keys())
        for user_id, state in states.items():
            self._watchers.setdefault(user_id, set()).add(sid)
            self._told.setdefault(user_id, state)
            if tell and user_id not in watch.visible:
                announce_to(PRESENCE, state, [sid])
        self._watches[sid] = watch._replace(visible=frozenset(states), checked_at=time.monotonic())

    def _hide(self, sid: str, user_ids: frozenset[str]) -> None:
        watch = self._watches[sid]
        self._unsee(sid, user_ids)
        self._watches[sid] = watch._replace(visible=watch.visible - user_ids)
        for user_id in user_ids:
            announce_to(PRESENCE, {"user_id": user_id, "online": False, "last_seen_at": None}, [sid])

    def _unsee(self, sid: str, user_ids: frozenset[str]) -> None:
        for user_id in user_ids:
            watchers = self._watchers.get(user_id, set())
            watchers.discard(sid)
            if not watchers:
                self._watchers.pop(user_id, None)
                self._told.pop(user_id, None)


def _public(seen: Any) -> Any:
    """Return what the watcher hears of it."""
    return {name: value for name, value in seen.items() if name != "visible"}


#: The current app's.
presence = cast(Presence, LocalProxy(lambda: current_app.extensions["presence"]))
