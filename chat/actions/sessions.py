"""The end of sessions whose token does not hold any longer: expired, or revoked on whichever process."""

import logging
import time

from ..errors import Unauthorized, problem
from ..extensions import socket_server
from ..realtime.announce import announce_unauthorized
from ..realtime.sessions import sessions
from ..storage import Revocation

log = logging.getLogger(__name__)


def end_expired() -> None:
    """Send `unauthorized` to the sessions whose token has expired, and disconnect them."""
    now = time.time()
    for sid, session in sessions:
        if session.expires_at is not None and session.expires_at <= now:
            _end(sid, Unauthorized("token_expired"))


def end_revoked(revocations: list[Revocation]) -> None:
    """Send `unauthorized` to the sessions whose token was issued before its user's revocation, and disconnect them.

    Of a user who was erased all sessions end, in open mode too.
    """
    for revocation in revocations:
        for sid, session in sessions.of_user(revocation["user_id"]):
            issued_at = session.caller.issued_at
            if revocation.get("is_erased") or (issued_at is not None and issued_at < revocation["revoked_at"]):
                _end(sid, Unauthorized("token_invalid", "The token has been revoked."))


def _end(sid: str, reason: Unauthorized) -> None:
    announce_unauthorized(problem(reason, sid), sid)
    try:
        socket_server.disconnect(sid, namespace="/")
    except Exception:
        log.exception("a socket could not be disconnected")
