"""The end of sessions whose token does not hold any longer."""

from ..actions import sessions
from ..storage import storage


def end_expired_sessions(_: float) -> None:
    """End the sessions whose token has expired: a session outlives its token by one interval at most."""
    sessions.end_expired()


def end_revoked_sessions(seconds: float) -> None:
    """End the sessions whose token was revoked, on whichever process, in the last `seconds`."""
    # Twice: a revocation may commit later than its time says.
    sessions.end_revoked(storage.list_revocations(2 * seconds))
