"""Users: sign up, search, profiles."""

from typing import Any

from flask import Response, stream_with_context

from ..actions import erasure, users
from ..actions.export import export
from ..auth import Caller
from ..auth.caller import anyone_may_sign_up, identity
from ..policy import announces, budget, public, raises
from ..schemas.users import (
    CreateUserSchema,
    ErasedUserSchema,
    EraseUserSchema,
    ProfileSchema,
    SearchUsersSchema,
    SignedUpSchema,
    UpdateUserSchema,
    UserSchema,
)
from ..storage import storage
from .answers import answer
from .arguments import find_caller
from .blueprint import Blueprint

LINES = "application/x-ndjson"

blueprint = Blueprint("users", __name__, description="Sign up, find other users, read and change profiles.")


@blueprint.post("/users/create")
@blueprint.arguments(CreateUserSchema, names_caller=None)
@blueprint.response(200, SignedUpSchema)
@raises("authentication_required", "storage_unavailable", "user_not_found")
@public(reads_token=True)
@budget("signup")
def create_user(body: dict[str, Any]) -> Response:
    """Sign up.

    With a token the profile of its subject is made, or renamed: then those who share a conversation hear `userUpdated`.
    Without one a new user is made, who gets a token when this server signs tokens.
    """
    caller = find_caller(None, "user_id") if identity() else None
    return answer(users.create(body["username"], caller, anyone_may_sign_up()))


@blueprint.get("/users/search")
@blueprint.arguments(SearchUsersSchema, location="query")
@blueprint.response(200, UserSchema(many=True))
@budget("default")
def search_users(caller: Caller, query: dict[str, Any]) -> Response:
    """Find up to 50 other users by a part of their name, case-insensitive, but for those with a block between."""
    return answer(storage.search_users(caller, query.get("q") or None))


@blueprint.get("/users/<id:user_id>")
@blueprint.caller()
@blueprint.response(200, ProfileSchema)
@budget("default")
def get_user(caller: Caller, user_id: str) -> Response:
    """Get a user's profile; the caller's own says what it shares."""
    return answer(storage.get_profile(caller, user_id))


@blueprint.patch("/users/<id:user_id>")
@blueprint.arguments(UpdateUserSchema)
@blueprint.response(200, ProfileSchema)
@raises("not_allowed")
@budget("default")
def update_user(caller: Caller, body: dict[str, Any], user_id: str) -> Response:
    """Change the caller's own profile; those who share a conversation hear `userUpdated`."""
    return answer(users.update(caller, user_id, body))


@blueprint.delete("/users/<id:user_id>")
@blueprint.arguments(EraseUserSchema, location="query")
@blueprint.response(200, ErasedUserSchema)
@raises("not_allowed")
@announces("messageDeleted", "conversationUpdated", "reaction")
@budget("default")
def erase_user(caller: Caller, query: dict[str, Any], user_id: str) -> Response:
    """Erase the caller: the profile and all tokens at once, then what stands in conversations.

    Messages become tombstones, or stay under the name `Deleted user`; memberships, reactions, mentions, blocks,
    devices, scheduled messages and invites go. There is no way back, and the id is never used again.
    """
    return answer(erasure.erase(caller, user_id, query["messages"] == "keep"))


@blueprint.get("/users/<id:user_id>/export")
@blueprint.caller()
@blueprint.response(200, {"type": "string"}, content_type=LINES)
@raises("not_allowed")
@budget("default")
def export_user(caller: Caller, user_id: str) -> Response:
    """Export all that is stored of the caller, as JSON lines: one object a line, each with its `kind`.

    `profile`, `membership` (with pointers and settings), `message` (followed by an `edit` for each earlier text),
    `reaction`, `thread`, `mention`, `block`, `scheduled`, `invite`, `device`.
    """
    return Response(stream_with_context(export(caller, user_id)), mimetype=LINES)
