"""Who is typing: told to the other members, never stored, and over by itself.

A keystroke costs no call of the database: the members and the blocks are cached ones.
"""

import time
from collections import OrderedDict
from typing import Any, NamedTuple, cast

from flask import current_app
from werkzeug.local import LocalProxy

from ..auth import Caller
from ..errors import NotFound
from ..extensions import socketio
from .announce import announce_to
from .audience import audiences
from .events import TYPING
from .privacy import privacies
from .sessions import sessions

#: Seconds after which somebody who says nothing more has stopped.
LIFE = 7
#: Seconds within which a repetition is dropped.
REPEAT = 1.0
#: Events of one socket that are passed on in a second.
MOST = 10

Key = tuple[str, str]  # conversation and user


class Started(NamedTuple):
    """Somebody who types: since when that was said last, by which socket, and who heard it."""

    at: float
    sid: str | None
    listeners: list[str]


class Typing:
    """Who types in this process's conversations."""

    def __init__(self) -> None:
        self._started: OrderedDict[Key, Started] = OrderedDict()  # the one that ends first comes first
        self._rates: dict[str | None, tuple[float, int]] = {}  # by socket: when its second began, events in it

    def say(self, caller: Caller, conversation_id: str, is_typing: bool) -> dict[str, Any]:
        """Tell the other members, and return what they are told; what floods is dropped.

        Raises 404 conversation_not_found for a caller who is no member.
        """
        key = conversation_id, caller.user_id
        payload = _payload(key, is_typing)
        if not self._is_flood(caller, key, is_typing):
            members = audiences.recent_members(conversation_id).user_ids
            if caller.user_id not in members:
                raise NotFound("conversation")
            if is_typing:
                self._start(caller, key, members)
            else:
                self.stop(*key)
        return payload

    def stop(self, conversation_id: str, user_id: str) -> None:
        """Tell that somebody types no longer, if others were told so: they said it, or sent the message."""
        started = self._started.pop((conversation_id, user_id), None)
        if started:
            announce_to(TYPING, _payload((conversation_id, user_id), False), started.listeners)

    def leave(self, sid: str) -> None:
        """A socket has gone, and nobody types on it."""
        if self._rates.pop(sid, None):
            for key in [key for key, started in self._started.items() if started.sid == sid]:
                self.stop(*key)

    def _is_flood(self, caller: Caller, key: Key, is_typing: bool) -> bool:
        now = time.monotonic()
        since, count = self._rates.get(caller.sid, (now, 0))
        if now - since >= 1:
            since, count = now, 0
        self._rates[caller.sid] = since, count + 1
        started = self._started.get(key)
        return count >= MOST or bool(is_typing and started and now - started.at < REPEAT)

    def _start(self, caller: Caller, key: Key, members: tuple[str, ...]) -> None:
        privacy = privacies.of([caller.user_id]).get(caller.user_id)
        hidden = {caller.user_id, *(privacy.blocked_with if privacy else ())}
        listeners = [user_id for user_id in sessions.connected(members) if user_id not in hidden]
        was_idle = not self._started
        self._started[key] = Started(time.monotonic(), caller.sid, listeners)
        self._started.move_to_end(key)
        announce_to(TYPING, _payload(key, True), listeners)
        if was_idle:
            socketio.start_background_task(self._end_in_time)

    def _end_in_time(self) -> None:
        """Stop whoever has said nothing for LIFE seconds, as long as anybody types."""
        while self._started:
            key, started = next(iter(self._started.items()))
            left = started.at + LIFE - time.monotonic()
            if left > 0:
                socketio.sleep(left)
            else:
                self.stop(*key)


def _payload(key: Key, is_typing: bool) -> dict[str, Any]:
    return {
        "conversation_id": key[0],
        "user_id": key[1],
        "is_typing": is_typing,
        "expires_in": LIFE if is_typing else 0,
    }


#: The current app's.
typing = cast(Typing, LocalProxy(lambda: current_app.extensions["typing"]))
