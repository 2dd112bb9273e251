"""Sign-up."""

from typing import Any

from ..auth.tokens import Identity, tokens
from ..errors import Unauthorized
from ..storage import storage


def create(username: str, identity: Identity | None, anyone_may: bool) -> dict[str, Any]:
    """Make a user, or with a token the profile of its subject; a new user gets a token where this server signs them.

    Raises 401 authentication_required when sign-up is closed and there is no token.
    """
    if identity:
        return storage.create_user(username, identity.user_id, identity.issued_at)
    if not anyone_may:
        raise Unauthorized(detail="Sign in with the identity provider first, then send its token with this request.")
    user = storage.create_user(username)
    return {**user, **tokens.issue(user["id"])} if tokens.signs else user
