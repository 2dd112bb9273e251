"""Conversations and what one member sees of them."""

from marshmallow import fields

from .base import ANN_ID, BOB_ID, CONVERSATION_ID, CREATED_AT, Schema
from .fields import Id, Items, Sequence, Text, Whole
from .messages import MessageSchema
from .users import UserSchema


class ConversationSchema(Schema):
    """A conversation with all its members, the owner among them."""

    example = {
        "id": CONVERSATION_ID,
        "name": "Tea",
        "owner_user_id": ANN_ID,
        "created_at": CREATED_AT,
        "version": 1,
        "last_seq": 0,
        "participants": [UserSchema.example, {"id": BOB_ID, "username": "bob", "created_at": CREATED_AT}],
    }

    id = Id(required=True)
    name = fields.String(required=True)
    owner_user_id = Id(required=True)
    created_at = fields.DateTime(required=True)
    version = Sequence(required=True, metadata={"description": "Grows by one with every durable change."})
    last_seq = Sequence(required=True, metadata={"description": "The number of the newest message, 0 without one."})
    participants = fields.List(fields.Nested(UserSchema), required=True)


class CountersSchema(Schema):
    """One member's pointers and unread messages in a conversation."""

    example = {"unread_count": 1, "last_read_seq": 0, "last_delivered_seq": 0}

    unread_count = Sequence(required=True)
    last_read_seq = Sequence(required=True)
    last_delivered_seq = Sequence(required=True)


class MemberConversationSchema(ConversationSchema, CountersSchema):
    """A conversation as one member sees it, with messages, oldest first."""

    example = {
        **ConversationSchema.example,
        "version": 2,
        "last_seq": 1,
        **CountersSchema.example,
        "messages": [MessageSchema.example],
    }

    messages = fields.List(fields.Nested(MessageSchema), required=True)


class CreateConversationSchema(Schema):
    """A conversation to open. The owner is a member, listed or not."""

    example = {"participant_ids": [BOB_ID], "group_name": "Tea"}

    participant_ids = Items(Id(), longest=1000, required=True)
    group_name = Text(longest=255, trim=True, required=True)


class ListConversationsSchema(Schema):
    """A page of conversations."""

    example = {"limit": 50, "message_limit": 10}

    limit = Whole(1, 100, load_default=50)
    message_limit = Whole(
        0,
        100,
        metadata={"description": "Newest messages that each conversation carries. Default: a setting."},
    )
    before = fields.String(metadata={"description": "The cursor of the next page, from the `Link` header of this one."})
