"""Who is typing, and who is online."""

from marshmallow import fields

from .base import ANN_ID, BOB_ID, CONVERSATION_ID, CREATED_AT, Schema
from .choices import Flag
from .fields import Id, Items, Sequence


class TypingEventSchema(Schema):
    """Whether the session's user types in a conversation. Repeat it every few seconds while so."""

    example = {"conversation_id": CONVERSATION_ID, "is_typing": True}

    conversation_id = Id(required=True)
    is_typing = Flag(required=True)


class TypingSchema(Schema):
    """A member who types; `expires_in` seconds after this it is over, at once when `is_typing` is false."""

    example = {"conversation_id": CONVERSATION_ID, "user_id": BOB_ID, "is_typing": True, "expires_in": 7}

    conversation_id = Id(required=True)
    user_id = Id(required=True)
    is_typing = fields.Boolean(required=True)
    expires_in = Sequence(required=True, metadata={"description": "Seconds."})


class WatchPresenceSchema(Schema):
    """The users to watch, in place of those before; those count who share a conversation with the session's user."""

    example = {"user_ids": [ANN_ID, BOB_ID]}

    user_ids = Items(Id(), longest=200, required=True)


class PresenceSchema(Schema):
    """Whether a user has a session, and when the last one went; null for who was never here, or shares no presence."""

    example = {"user_id": BOB_ID, "online": False, "last_seen_at": CREATED_AT}

    user_id = Id(required=True)
    online = fields.Boolean(required=True)
    last_seen_at = fields.DateTime(required=True, allow_none=True)


class PresencesSchema(Schema):
    """The present state of the watched users."""

    example = {"presence": [PresenceSchema.example]}

    presence = fields.List(fields.Nested(PresenceSchema), required=True)
