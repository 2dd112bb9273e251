"""Users: sign up, search, profiles."""

from typing import Any

from flask import Response

from ..actions import users
from ..auth import Caller
from ..auth.caller import anyone_may_sign_up, identity
from ..policy import budget, public, raises
from ..schemas.users import (
    CreateUserSchema,
    ProfileSchema,
    SearchUsersSchema,
    SignedUpSchema,
    UpdateUserSchema,
    UserSchema,
)
from ..storage import storage
from .answers import answer
from .blueprint import Blueprint

blueprint = Blueprint("users", __name__, description="Sign up, find other users, read and change profiles.")


@blueprint.post("/users/create")
@blueprint.arguments(CreateUserSchema, names_caller=None)
@blueprint.response(200, SignedUpSchema)
@raises("authentication_required", "storage_unavailable", "user_not_found")
@public(reads_token=True)
@budget("signup")
def create_user(body: dict[str, Any]) -> Response:
    """Sign up.

    With a token the profile of its subject is made, or renamed. Without one a new user is made, who gets a token when
    this server signs tokens.
    """
    return answer(users.create(body["username"], identity(), anyone_may_sign_up()))


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
