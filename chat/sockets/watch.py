"""End the sessions whose token expired or was revoked, and close connections that the libraries leave open."""

import logging
import time

from flask import Flask

from ..actions import sessions
from ..errors import ChatError
from ..extensions import socket_server, socketio
from ..realtime.sessions import sessions as open_sessions
from ..storage import storage

log = logging.getLogger(__name__)

#: Seconds between two rounds. A session outlives its token by at most this, a revoked one by twice as much.
INTERVAL = 15.0


def watch(app: Flask) -> None:
    """Do a round every `INTERVAL`, for ever; runs in the background of the server."""
    with app.app_context():
        checked_at = time.monotonic()
        without_session: set[str] = set()
        while True:
            socketio.sleep(INTERVAL)
            try:
                sessions.end_expired()
                forget_gone()
                without_session = close_without_session(without_session)
                started_at = time.monotonic()
                # One interval more than has passed: a revocation may commit later than its time says.
                sessions.end_revoked(storage.list_revocations(started_at - checked_at + INTERVAL))
                checked_at = started_at
            except ChatError as error:
                log.warning("revocations could not be read: %s", error)
            except Exception:
                log.exception("the watch over sessions failed, and goes on")


def forget_gone() -> None:
    """Forget the sessions whose connection closed while they were being opened: the library calls no handler."""
    manager, connections = socket_server.manager, socket_server.eio.sockets
    for sid, _ in open_sessions:
        if manager.eio_sid_from_sid(sid, "/") not in connections:
            open_sessions.leave(sid)
            manager.disconnect(sid, "/", ignore_queue=True)


def close_without_session(before: set[str]) -> set[str]:
    """Close Engine.IO connections that have had no session for two rounds; return those without a session now.

    `before` are those of the last round. They were refused, never sent a handshake, or were disconnected and stayed.
    """
    manager, connections = socket_server.manager, socket_server.eio.sockets
    without_session = {each for each in connections if manager.sid_from_eio_sid(each, "/") is None}
    for each in without_session & before:
        connections[each].close(wait=False)
    return without_session
