"""Conversations and what one member sees of them."""

from marshmallow import Schema, fields

from .fields import Id, Items, Sequence, Text, Whole
from .messages import MessageSchema
from .users import UserSchema


class ConversationSchema(Schema):
    """A new conversation with all its members, the owner among them."""

    id = Id(required=True)
    name = fields.String(required=True)
    owner_user_id = Id(required=True)
    created_at = fields.DateTime(required=True)
    version = Sequence(required=True, metadata={"description": "Grows by one with every durable change."})
    last_seq = Sequence(required=True, metadata={"description": "The number of the newest message, 0 without one."})
    participants = fields.List(fields.Nested(UserSchema), required=True)


class CountersSchema(Schema):
    """Where one member's pointers stand in a conversation."""

    unread_count = Sequence(required=True)
    last_read_seq = Sequence(required=True)
    last_delivered_seq = Sequence(required=True)


class MemberConversationSchema(ConversationSchema, CountersSchema):
    """A conversation as one member sees it, with messages, oldest first."""

    messages = fields.List(fields.Nested(MessageSchema), required=True)


class CreateConversationSchema(Schema):
    """A new conversation. The owner is a member whether listed or not."""

    participant_ids = Items(Id(), longest=1000, required=True)
    group_name = Text(longest=255, trim=True, required=True)


class ListConversationsSchema(Schema):
    """Whose conversations, and how much of them."""

    limit = Whole(1, 100, load_default=50)
    message_limit = Whole(0, 100, metadata={"description": "Newest messages of each. Default: a setting, 10 if unset."})
    before = fields.String(metadata={"description": "The cursor of the page before, from its `Link` header."})
