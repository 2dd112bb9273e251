"""Users: a display name and an id."""

from marshmallow import fields

from .base import ANN_ID, CREATED_AT, Schema
from .choices import NOTIFICATIONS, Choice, Flag
from .custom import Custom
from .fields import AnyText, Before, Id, Text, Url, Whole


class UserSchema(Schema):
    """A user as everyone sees it."""

    example = {"id": ANN_ID, "username": "ann", "created_at": CREATED_AT, "avatar_url": None}

    id = Id(required=True)
    username = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    avatar_url = fields.String(required=True, allow_none=True)


class PublicProfileSchema(UserSchema):
    """A profile as everyone sees it."""

    example = {**UserSchema.example, "about": None, "custom": {}}

    about = fields.String(required=True, allow_none=True)
    custom = fields.Dict(required=True, metadata={"description": "The app's own."})


class ProfileSchema(PublicProfileSchema):
    """A profile; the user alone sees what it shares and hears."""

    example = {**PublicProfileSchema.example, "share_receipts": True, "share_presence": True, "notifications": "all"}

    share_receipts = fields.Boolean(metadata={"description": "False hides the user's receipts, and others' from it."})
    share_presence = fields.Boolean(metadata={"description": "False hides the user's presence, and others' from it."})
    notifications = fields.String(metadata={"enum": list(NOTIFICATIONS), "description": "What is pushed to devices."})


class UpdateUserSchema(Schema):
    """What changes in a profile; what is left out stays."""

    example = {"username": "ann", "about": "Likes tea.", "custom": {"team": "blue"}}

    username = Text(longest=255, trim=True)
    avatar_url = Url(allow_none=True)
    about = Text(longest=1000, allow_none=True)
    custom = Custom(metadata={"description": "Merged into what is there; null removes a key (RFC 7396)."})
    share_receipts = Flag()
    share_presence = Flag()
    notifications = Choice(NOTIFICATIONS, metadata={"description": "What is pushed to the user's devices."})


class EraseUserSchema(Schema):
    """What becomes of the messages of a user who is erased."""

    example = {"messages": "delete"}

    messages = Choice(
        ("delete", "keep"),
        load_default="delete",
        metadata={"description": "`delete` leaves tombstones, `keep` the texts, under the name `Deleted user`."},
    )


class ErasedUserSchema(Schema):
    """A user who was erased."""

    example = {"id": ANN_ID, "erased_at": CREATED_AT}

    id = Id(required=True)
    erased_at = fields.DateTime(required=True)


class BlockSchema(Schema):
    """A user whom the caller has blocked."""

    example = {"user": UserSchema.example, "created_at": CREATED_AT}

    user = fields.Nested(UserSchema, required=True)
    created_at = fields.DateTime(required=True, allow_none=True, metadata={"description": "Null: not blocked."})


class ListBlocksSchema(Schema):
    """A page of blocked users."""

    example = {"limit": 50}

    limit = Whole(1, 200, load_default=50)
    before = Before()


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
