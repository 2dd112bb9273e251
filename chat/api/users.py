"""Users: sign up, search."""

from typing import Any

from flask import Response

from ..actions import users
from ..auth import Caller
from ..auth.caller import anyone_may_sign_up, identity
from ..policy import budget, public, raises
from ..schemas.users import CreateUserSchema, SearchUsersSchema, SignedUpSchema, UserSchema
from ..storage import storage
from .answers import answer
from .blueprint import Blueprint

blueprint = Blueprint("users", __name__, description="Sign up, and find other users.")


@blueprint.post("/users/create")
@blueprint.arguments(CreateUserSchema, names_caller=None)
@blueprint.response(200, SignedUpSchema)
@raises("authentication_required", "storage_unavailable")
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
    """Find up to 50 other users by a part of their name, case-insensitive."""
    return answer(storage.search_users(caller, query.get("q") or None))
