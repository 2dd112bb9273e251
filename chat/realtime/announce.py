"""The only place that sends events.

Every event is a hint: it leaves after its transaction has committed, and a delivery that fails is
logged and not repeated, because `POST /sync` brings the change.
"""

import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

from ..auth import Caller
from ..extensions import socketio
from ..storage import Announcement
from .audience import Members, audiences
from .bursts import Bursts
from .coalesce import Coalescer
from .events import MESSAGE_UPDATED, UNAUTHORIZED, VERSION, Event
from .privacy import privacies
from .sessions import sessions

log = logging.getLogger(__name__)

_coalescer = Coalescer()
_bursts = Bursts()


def announce(
    event: Event, announcement: Announcement, conversation_id: str, audience_version: int, caller: Caller
) -> None:
    """Send an event to the members of a conversation, as its row in the catalogue and the announcement say.

    A member who was removed at this version or before hears nothing; one for whom a message does not exist, because it
    is of before the member's time, hears `version` instead.
    """
    try:
        if not sessions:
            return
        members = audiences.members(conversation_id, audience_version)
        user_ids = _listeners(event, announcement, members, caller)
        skip_sid = None if _skips(event, announcement) == "nobody" else caller.sid
        payload = announcement["payload"]
        deliver = partial(_deliver, members, user_ids, announcement)
        if "burst" in announcement:
            # The socket that acts lacks those before its own.
            whole = lambda first: deliver(MESSAGE_UPDATED, announcement["burst"] | {"from_version": first}, None)  # noqa: E731
            send = lambda first: whole(first) if first else deliver(event, payload, skip_sid)  # noqa: E731
            _bursts.offer(conversation_id, payload["message_id"], payload["version"], send)
        else:
            if "version" in payload:
                _bursts.flush(conversation_id)
            deliver(event, payload, skip_sid)
    except Exception:
        log.exception("the event %s could not be sent", event.name)


def announce_to(event: Event, payload: dict[str, Any], rooms: list[str], skip_sid: str | None = None) -> None:
    """Send an event that is of no conversation's log to some users, or to some sockets."""
    _emit(event, payload, rooms, skip_sid)


def announce_unauthorized(problem: dict[str, Any], sid: str) -> None:
    """Send `unauthorized` to one session that is about to be disconnected."""
    _emit(UNAUTHORIZED, problem, [sid])


def _deliver(
    members: Members,
    user_ids: list[str],
    announcement: Announcement,
    event: Event,
    payload: dict[str, Any],
    skip_sid: str | None,
) -> None:
    for variant, content, chosen in _variants(event, payload, announcement.get("root_seq"), members, user_ids):
        _send(variant, content, chosen, skip_sid, announcement)


def _skips(event: Event, announcement: Announcement) -> str:
    return announcement.get("skips") or event.skips


def _listeners(event: Event, announcement: Announcement, members: Members, caller: Caller) -> list[str]:
    """Return the users with a socket here who hear an announcement."""
    unheard = set(announcement.get("except_user_ids", ()))
    if _skips(event, announcement) == "caller" and caller.sid is None:
        unheard.add(caller.user_id)
    connected = sessions.connected(announcement.get("user_ids", members.user_ids))
    listeners = [user_id for user_id in connected if user_id not in unheard]
    if not event.is_receipt:
        return listeners
    privacy = privacies.of(listeners)
    return [each for each in listeners if each == caller.user_id or (each in privacy and privacy[each].share_receipts)]


def _variants(
    event: Event, payload: dict[str, Any], root_seq: int | None, members: Members, user_ids: list[str]
) -> Iterator[tuple[Event, dict[str, Any], list[str]]]:
    """Yield what each of the users hears: the event, or what is left of it for those who joined after the message."""
    if not members.history_from or "seq" not in payload:
        yield event, payload, user_ids
        return
    # The number before which a user must have started, to know the message itself, the quoted one, the thread's root.
    quoted, root = ((payload.get(name) or {}).get("seq", payload["seq"]) for name in ("quote", "thread"))
    root = root_seq or root
    groups: dict[tuple[bool, bool, bool], list[str]] = {}
    for user_id in user_ids:
        first = members.history_from.get(user_id, 1)
        groups.setdefault((first <= payload["seq"], first <= quoted, first <= root), []).append(user_id)
    for (sees_it, sees_quoted, sees_root), chosen in groups.items():
        if not sees_it:
            yield VERSION, {name: payload[name] for name in VERSION_FIELDS if name in payload}, chosen
            continue
        hidden = {} if sees_quoted else {"reply_to": None, "quote": None}
        if not sees_root:
            hidden |= {name: None for name in ("thread_id", "thread") if name in payload}
        yield event, payload | hidden, chosen


VERSION_FIELDS = ("conversation_id", "version", "from_version")


def _send(
    event: Event, payload: dict[str, Any], user_ids: list[str], skip_sid: str | None, announcement: Announcement
) -> None:
    if event.latest_of:
        key = (event.name, *(payload[name] for name in event.latest_of))
        age = announcement.get("age") or [payload[name] for name in event.grows]
        # What is for some of the members alone does not replace what the others wait for.
        replaces = "user_ids" not in announcement
        _coalescer.offer(key, age, lambda: _emit(event, payload, user_ids, skip_sid), replaces)
    else:
        _emit(event, payload, user_ids, skip_sid)


def _emit(event: Event, payload: dict[str, Any], rooms: list[str], skip_sid: str | None = None) -> None:
    if not rooms:
        return
    try:
        socketio.emit(event.name, payload, to=rooms, skip_sid=skip_sid)
    except Exception:
        log.exception("the event %s could not be sent", event.name)
