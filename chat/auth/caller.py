"""The caller of a request or an event: made once where it comes in, and passed down as one value."""

from typing import NamedTuple

from flask import current_app, g, request

from ..errors import Forbidden, Unauthorized
from ..policy import Policy
from .tokens import Identity, bearer, tokens


class Caller(NamedTuple):
    """The acting user's id; when a token says so, the moment it was issued (Unix seconds); the socket that acts.

    The socket, if there is one, hears no event of what it did itself.
    """

    user_id: str
    issued_at: float | None = None
    sid: str | None = None


def authenticate(policy: Policy) -> None:
    """Verify the current request's token, as the route's policy says.

    Raises 401: authentication_required when a token is needed and missing, token_expired or token_invalid.
    """
    if not policy.reads_token:
        return
    token = bearer(request.headers.get("Authorization"))
    g.identity = tokens.verify(token) if token else None
    if g.identity is None and not policy.is_public and (policy.needs_token or not is_open()):
        raise Unauthorized()


def is_open() -> bool:
    """Whether this is open mode: callers say who they are and prove nothing."""
    return current_app.config["CHAT"].auth_mode == "open"


def identity() -> Identity | None:
    """Return the current request's verified identity, if it has one."""
    return g.get("identity")


def required_identity() -> Identity:
    """Return the current request's verified identity. Raises 401 authentication_required without one."""
    known = identity()
    if known is None:
        raise Unauthorized()
    return known


def anyone_may_sign_up() -> bool:
    """Whether a user can be made without a token."""
    return current_app.config["CHAT"].signup == "open"


def caller(named: str | None, known: Identity | None, sid: str | None = None) -> Caller | None:
    """Return who acts: the token's user, who may be named too; in open mode whoever is named, None when nobody is.

    Raises 401 authentication_required without a token in token mode, 403 identity_mismatch when another user is named.
    """
    if known is None:
        if not is_open():
            raise Unauthorized()
        return Caller(named, None, sid) if named else None
    if named and named != known.user_id:
        raise Forbidden("identity_mismatch")
    return Caller(known.user_id, known.issued_at, sid)
