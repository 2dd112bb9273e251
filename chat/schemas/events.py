"""The payloads of what clients send over Socket.IO, its acknowledgements, and the smallest events."""

from marshmallow import fields

from .base import ANN_ID, CONVERSATION_ID, Schema
from .fields import Id, Sequence
from .messages import SendMessageSchema
from .receipts import UpdateReceiptSchema
from .sync import SyncedSchema, SyncSchema
from .users import TokenSchema, UserSchema


class VersionSchema(Schema):
    """A conversation's version. With `from_version` it stands for several changes, of which that is the first."""

    example = {"conversation_id": CONVERSATION_ID, "version": 3}

    conversation_id = Id(required=True)
    version = Sequence(required=True)
    from_version = Sequence()


class HandshakeSchema(Schema):
    """The `auth` object of the handshake. A token is needed in token mode."""

    example = {"token": TokenSchema.example["access_token"]}
    token = fields.String(metadata={"description": "A token, as in `Authorization: Bearer <token>`."})
    id = Id(metadata={"description": "The user, in open mode; the session then needs no `join`."})


class JoinSchema(SyncSchema):
    """The user of this session. With `since` or `cursor` the acknowledgement is also the answer of `POST /sync`."""

    example = {"id": ANN_ID, **SyncSchema.example}
    id = Id(metadata={"description": "The user. With a token it is the token's user and may be left out."})


class JoinedSchema(SyncedSchema):
    """The user of the session and, when the event had `since` or `cursor`, the answer of `POST /sync`."""

    example = {"user": UserSchema.example, **SyncedSchema.example}
    user = fields.Nested(UserSchema, required=True)


class SendMessageEventSchema(SendMessageSchema):
    """A message for a conversation of the session's user."""

    example = {"conversation_id": CONVERSATION_ID, **SendMessageSchema.example}

    conversation_id = Id(required=True)


class ReceiptEventSchema(UpdateReceiptSchema):
    """How far the session's user has received or read a conversation."""

    example = {"conversation_id": CONVERSATION_ID, **UpdateReceiptSchema.example}

    conversation_id = Id(required=True)
