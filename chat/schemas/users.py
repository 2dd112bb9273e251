"""Users: a display name and an id."""

from marshmallow import Schema, fields

from .fields import AnyText, Id, Text


class UserSchema(Schema):
    """A user as everyone sees it."""

    id = Id(required=True)
    username = fields.String(required=True)
    created_at = fields.DateTime(required=True)


class AuthorSchema(Schema):
    """The author of a message."""

    id = Id(required=True)
    username = fields.String(required=True)


class CreateUserSchema(Schema):
    """A sign-up. Two users may share a name."""

    username = Text(longest=255, trim=True, required=True)


class TokenSchema(Schema):
    """A token of this server."""

    access_token = fields.String()
    token_type = fields.String(metadata={"enum": ["bearer"]})
    expires_in = fields.Integer(metadata={"description": "Seconds."})


class SignedUpSchema(UserSchema, TokenSchema):
    """The user, with a token where this server signs tokens and none was sent."""


class SearchUsersSchema(Schema):
    """Who is looking, and for what."""

    q = AnyText(metadata={"description": "Matched anywhere in the name, case-insensitive."})


class RevokedSchema(TokenSchema):
    """Whose tokens ended, with a fresh one where this server signs tokens."""

    user_id = Id(required=True)
