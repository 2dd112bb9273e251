"""Tokens of this server: a fresh one, or the end of all."""

import time
from typing import Any

from ..auth import Caller
from ..auth.tokens import Identity, tokens
from ..errors import Forbidden
from ..storage import storage
from . import sessions


def refresh(identity: Identity) -> dict[str, Any]:
    """Return a fresh token for the one that was sent. Raises 403 not_allowed for a token of another issuer."""
    if not identity.ours:
        raise Forbidden(detail="Only tokens of this server can be refreshed here; ask the identity provider.")
    storage.get_user(Caller(identity.user_id, identity.issued_at))
    # Never dated before the one it replaces: by another machine's clock that would be a revoked one.
    return tokens.issue(identity.user_id, max(time.time(), identity.issued_at))


def revoke(identity: Identity) -> dict[str, Any]:
    """End all tokens of the user issued before now, and the sockets opened with them.

    Returns a fresh token to go on with where this server made the one sent, else nothing but the user's id.
    """
    revocation = storage.revoke_tokens(Caller(identity.user_id, identity.issued_at))
    sessions.end_revoked([revocation])
    answer: dict[str, Any] = {"user_id": identity.user_id}
    if identity.ours:
        answer |= tokens.issue(identity.user_id, revocation["revoked_at"])
    return answer
