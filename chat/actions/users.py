"""Users sign up, change their profiles."""

import logging
from typing import Any

from ..auth import Caller
from ..auth.tokens import tokens
from ..errors import ChatError, Unauthorized
from ..realtime.announce import announce_to
from ..realtime.events import USER_UPDATED
from ..realtime.presence import presence
from ..realtime.privacy import privacies
from ..realtime.sessions import sessions
from ..schemas.users import UserSchema
from ..storage import storage

log = logging.getLogger(__name__)


def create(username: str, caller: Caller | None, anyone_may: bool) -> dict[str, Any]:
    """Make a user, or with a token the profile of its subject; a new user gets a token where this server signs them.

    Raises 401 authentication_required when sign-up is closed and there is no token.
    """
    if caller:
        return _rename(caller, username) or storage.create_user(username, caller.user_id, caller.issued_at)
    if not anyone_may:
        raise Unauthorized(detail="Sign in with the identity provider first, then send its token with this request.")
    user = storage.create_user(username)
    return {**user, **tokens.issue(user["id"])} if tokens.signs else user


def _rename(caller: Caller, username: str) -> dict[str, Any] | None:
    """Rename the caller as a change of the profile does, and return the user; None for nobody."""
    try:
        profile = update(caller, caller.user_id, {"username": username})
    except ChatError as error:
        if error.code != "user_not_found":
            raise
        return None
    return {name: profile[name] for name in UserSchema().fields}


def update(caller: Caller, target_id: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Change the caller's profile and return it; those who share a conversation hear what everyone may see.

    Raises 403 not_allowed for another's profile, 404 user_not_found, 422 validation_failed.
    """
    changed = storage.update_user(caller, target_id, changes)
    privacies.forget(target_id)
    if changes.get("share_presence") is False:
        presence.hide(target_id)
    if changed["public"]:
        announce_profile(changed["public"], caller.sid)
    return changed["profile"]


def announce_profile(profile: dict[str, Any], skip_sid: str | None = None) -> None:
    """Send `userUpdated` to those with a socket here who share a conversation with a user, and to its own sockets."""
    here = sessions.user_ids()
    if here:
        try:
            contacts = storage.list_contacts(profile["id"], {"user_ids": list(here)})
        except ChatError:  # the change stands; a list or a sync brings it
            log.exception("the event userUpdated could not be sent")
            return
        announce_to(USER_UPDATED, profile, [*contacts, profile["id"]], skip_sid)
