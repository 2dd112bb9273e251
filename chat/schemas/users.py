"""Users: a display name and an id."""

from marshmallow import fields

from .base import ANN_ID, CREATED_AT, Schema
from .fields import AnyText, Id, Text


class UserSchema(Schema):
    """A user as everyone sees it."""

    example = {"id": ANN_ID, "username": "ann", "created_at": CREATED_AT, "avatar_url": None}

    id = Id(required=True)
    username = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    avatar_url = fields.String(required=True, allow_none=True)


class AuthorSchema(Schema):
    """The author of a message."""

    example = {"id": ANN_ID, "username": "ann", "avatar_url": None}

    id = Id(required=True)
    username = fields.String(required=True)
    avatar_url = fields.String(required=True, allow_none=True)


class CreateUserSchema(Schema):
    """A sign-up. Two users may share a name."""

    example = {"username": "ann"}

    username = Text(longest=255, trim=True, required=True)


class TokenSchema(Schema):
    """A token of this server."""

    example = {
        "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl",
        "token_type": "bearer",
        "expires_in": 2592000,
    }

    access_token = fields.String()
    token_type = fields.String(metadata={"enum": ["bearer"]})
    expires_in = fields.Integer(metadata={"description": "Seconds."})


class SignedUpSchema(UserSchema, TokenSchema):
    """The user, with a token when this server signs tokens and none was sent."""

    example = UserSchema.example | TokenSchema.example


class SearchUsersSchema(Schema):
    """A search for users."""

    example = {"q": "bo"}

    q = AnyText(metadata={"description": "A part of the name, in any case. Without it every user is found."})


class RevokedSchema(TokenSchema):
    """The user whose tokens were revoked, with a new token when this server signs tokens."""

    example = {"user_id": ANN_ID, **TokenSchema.example}

    user_id = Id(required=True)
