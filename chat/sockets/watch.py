"""Looks after the open sockets: ends the sessions whose token is over, and what the libraries leave behind."""

import logging
import time

from flask import Flask

from ..actions import sessions
from ..errors import ChatError
from ..extensions import socket_server, socketio
from ..realtime.sessions import sessions as open_sessions
from ..storage import storage

log = logging.getLogger(__name__)

#: Seconds between two looks; a session outlives its token by no more than this, a revoked one by twice as much.
INTERVAL = 15.0


def watch(app: Flask) -> None:
    """Look after the sockets for ever; runs in the background of the server."""
    with app.app_context():
        looked_at = time.monotonic()
        strangers: set[str] = set()
        while True:
            socketio.sleep(INTERVAL)
            try:
                sessions.end_expired()
                forget_gone()
                strangers = end_strangers(strangers)
                started_at = time.monotonic()
                # One interval more than has passed: a revocation may commit later than its time says.
                sessions.end_revoked(storage.list_revocations(started_at - looked_at + INTERVAL))
                looked_at = started_at
            except ChatError as error:
                log.warning("revocations could not be read: %s", error)
            except Exception:
                log.exception("the watch over sessions failed, and goes on")


def forget_gone() -> None:
    """Forget the sessions whose connection broke off while they were being opened: the library tells nobody."""
    manager, connections = socket_server.manager, socket_server.eio.sockets
    for sid, _ in open_sessions:
        if manager.eio_sid_from_sid(sid, "/") not in connections:
            open_sessions.leave(sid)
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
