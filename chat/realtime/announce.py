"""The only place that sends events.

Every event is a hint: it leaves after its transaction has committed, and a delivery that fails is
logged and not repeated, because `POST /sync` brings the change.
"""

import logging
from typing import Any

from ..auth import Caller
from ..extensions import socketio
from .audience import audiences
from .coalesce import Coalescer
from .events import UNAUTHORIZED, Event
from .sessions import sessions

log = logging.getLogger(__name__)

_coalescer = Coalescer()


def announce(
    event: Event,
    payload: dict[str, Any],
    conversation_id: str,
    audience_version: int,
    caller: Caller,
    *,
    skips: str | None = None,
) -> None:
    """Send an event to the members of a conversation, as its row in the catalogue says; `skips` in place of the row's.

    A member who was removed at this version or before hears nothing.
    """
    try:
        if not sessions:
            return
        user_ids = sessions.connected(audiences.members(conversation_id, audience_version))
        if (skips or event.skips) == "caller" and caller.sid is None:
            user_ids = [user_id for user_id in user_ids if user_id != caller.user_id]
    except Exception:
        log.exception("the event %s could not be sent", event.name)
        return
    if event.latest_of:
        key = (event.name, *(payload[name] for name in event.latest_of))
        age = tuple(payload[name] for name in event.grows)
        _coalescer.offer(key, age, lambda: _emit(event, payload, user_ids, caller.sid))
    else:
        _emit(event, payload, user_ids, caller.sid)


def announce_unauthorized(problem: dict[str, Any], sid: str) -> None:
    """Send `unauthorized` to one session that is about to be disconnected."""
    _emit(UNAUTHORIZED, problem, [sid])


def _emit(event: Event, payload: dict[str, Any], rooms: list[str], skip_sid: str | None = None) -> None:
    if not rooms:
        return
    try:
        socketio.emit(event.name, payload, to=rooms, skip_sid=skip_sid)
    except Exception:
        log.exception("the event %s could not be sent", event.name)
