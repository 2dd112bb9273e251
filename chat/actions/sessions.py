"""The end of sessions whose token does not hold any longer: expired, or revoked on whichever process."""

import logging
import time
from typing import Any

from flask import Flask

from ..errors import ChatError, Unauthorized, problem
from ..extensions import socket_server, socketio
from ..realtime import events
from ..realtime.presence import presence
from ..storage import storage

log = logging.getLogger(__name__)

#: Seconds between two looks; a session outlives its token by no more than this, a revoked one by twice as much.
INTERVAL = 15.0


def watch(app: Flask) -> None:
    """End what has expired, was revoked or never began, for ever; runs in the background of the server."""
    with app.app_context():
        looked_at = time.monotonic()
        strangers: set[str] = set()
        while True:
            socketio.sleep(INTERVAL)
            try:
                end_expired()
                forget_gone()
                strangers = end_strangers(strangers)
                started_at = time.monotonic()
                # One interval more than has passed: a revocation may commit later than its time says.
                end_revoked(storage.list_revocations(started_at - looked_at + INTERVAL))
                looked_at = started_at
            except ChatError as error:
                log.warning("revocations could not be read: %s", error)
            except Exception:
                log.exception("the watch over sessions failed, and goes on")


def end_expired() -> None:
    """Tell and disconnect the sessions whose token has expired."""
    now = time.time()
    for sid, session in presence:
        if session.expires_at is not None and session.expires_at <= now:
            _end(sid, Unauthorized("token_expired"))


def end_revoked(revocations: list[dict[str, Any]]) -> None:
    """Tell and disconnect the sessions whose token was issued before its user's revocation."""
    for revocation in revocations:
        for sid, session in presence.of_user(revocation["user_id"]):
            if session.actor.issued_at is not None and session.actor.issued_at < revocation["revoked_at"]:
                _end(sid, Unauthorized("token_invalid", "The token has been revoked."))


def forget_gone() -> None:
    """Forget the sessions whose connection broke off while they were being opened: the library tells nobody."""
    manager, connections = socket_server.manager, socket_server.eio.sockets
    for sid, _ in presence:
        if manager.eio_sid_from_sid(sid, "/") not in connections:
            presence.leave(sid)
            manager.disconnect(sid, "/", ignore_queue=True)


def end_strangers(before: set[str]) -> set[str]:
    """Close the connections without a session that were `before` already, and return those that have none now.

    Who was refused, or never asked, may not keep a connection; nor who was disconnected and does not hang up.
    """
    manager, connections = socket_server.manager, socket_server.eio.sockets
    strangers = {each for each in connections if manager.sid_from_eio_sid(each, "/") is None}
    for each in strangers & before:
        connections[each].close(wait=False)
    return strangers


def _end(sid: str, reason: Unauthorized) -> None:
    events.unauthorized(problem(reason, sid), sid)
    try:
        socket_server.disconnect(sid, namespace="/")
    except Exception:
        log.exception("a socket could not be disconnected")
