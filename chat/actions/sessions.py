"""The end of sessions whose token does not hold any longer: expired, or revoked on whichever process."""

import logging
import time
from typing import Any

from flask import Flask
from flask_socketio import disconnect

from ..errors import StorageFault, StorageUnavailable, Unauthorized, problem
from ..extensions import presence, socketio, storage
from ..realtime import events

log = logging.getLogger(__name__)

#: Seconds between two looks; a session outlives its token by no more than this.
INTERVAL = 15.0


def watch(app: Flask) -> None:
    """End what has expired or was revoked, for ever; runs in the background of the server."""
    with app.app_context():
        looked_at = time.monotonic()
        while True:
            socketio.sleep(INTERVAL)
            end_expired()
            started_at = time.monotonic()
            try:
                # One interval more than has passed: a revocation may commit later than its time says.
                end_revoked(storage.list_revocations(started_at - looked_at + INTERVAL))
                looked_at = started_at
            except (StorageUnavailable, StorageFault) as error:
                log.warning("revocations could not be read: %s", error)


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


def _end(sid: str, reason: Unauthorized) -> None:
    events.unauthorized(problem(reason, sid), sid)
    try:
        disconnect(sid, namespace="/")
    except Exception:
        log.exception("a socket could not be disconnected")
