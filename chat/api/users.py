"""Users: sign up, search."""

from typing import Any

from flask import Response

from .. import auth
from ..actions import users
from ..schemas.users import CreateUserSchema, SearchUsersSchema, SignedUpSchema, UserSchema
from ..storage import storage
from .blueprint import Blueprint, answer

blueprint = Blueprint("users", __name__, description="Who takes part.")


@blueprint.post("/users/create")
@blueprint.doc(security=[{}, {"bearer": []}])
@blueprint.arguments(CreateUserSchema)
@blueprint.response(200, SignedUpSchema)
def create_user(body: dict[str, Any]) -> Response:
    """Sign up.

    With a token of an identity provider the profile of its subject is made, or renamed. Without one a new user is
    made and, where this server signs tokens, gets a token.
    """
    return answer(users.create(body["username"], auth.identity(), auth.anyone_may_sign_up()))


@blueprint.get("/users/search")
@blueprint.arguments(SearchUsersSchema, location="query")
@blueprint.response(200, UserSchema(many=True))
def search_users(query: dict[str, Any]) -> Response:
    """Find up to 50 other users by a part of their name, case-insensitive."""
    return answer(storage.search_users(auth.acting(query.get("user_id")), query.get("q") or None))
