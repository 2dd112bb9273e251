"""Conversations and what one member sees of them."""

from marshmallow import fields

from .base import ANN_ID, BOB_ID, CONVERSATION_ID, CREATED_AT, Schema
from .fields import Id, Items, Sequence, Text, Whole
from .messages import MessageSchema
from .users import UserSchema


class ParticipantSchema(UserSchema):
    """A member of a conversation."""

    example = {**UserSchema.example, "role": "owner", "joined_at": CREATED_AT, "custom": {}}

    role = fields.String(required=True, metadata={"enum": ["owner", "admin", "member"]})
    joined_at = fields.DateTime(required=True)
    custom = fields.Dict(required=True, metadata={"description": "The app's own."})


class ConversationSchema(Schema):
    """A conversation with its members, the owner among them: the 100 who are in it longest."""

    example = {
        "id": CONVERSATION_ID,
        "name": "Tea",
        "owner_user_id": ANN_ID,
        "created_at": CREATED_AT,
        "version": 1,
        "last_seq": 0,
        "oldest_seq": 1,
        "type": "group",
        "visibility": "private",
        "history": "all",
        "description": None,
        "avatar_url": None,
        "slow_mode_seconds": 0,
        "frozen": False,
        "custom": {},
        "member_count": 2,
        "participants": [
            ParticipantSchema.example,
            {**ParticipantSchema.example, "id": BOB_ID, "username": "bob", "role": "member"},
        ],
    }

    id = Id(required=True)
    name = fields.String(required=True)
    owner_user_id = Id(required=True)
    created_at = fields.DateTime(required=True)
    version = Sequence(required=True, metadata={"description": "Grows by one with every durable change."})
    last_seq = Sequence(required=True, metadata={"description": "The number of the newest message, 0 without one."})
    oldest_seq = Sequence(required=True, metadata={"description": "The number of the oldest message that is kept."})
    type = fields.String(required=True, metadata={"enum": ["group", "direct"]})
    visibility = fields.String(required=True, metadata={"enum": ["private", "public"]})
    history = fields.String(
        required=True, metadata={"enum": ["all", "since_joined"], "description": "What a new member sees."}
    )
    description = fields.String(required=True, allow_none=True)
    avatar_url = fields.String(required=True, allow_none=True)
    slow_mode_seconds = Sequence(required=True, metadata={"description": "Between two messages of one member."})
    frozen = fields.Boolean(required=True, metadata={"description": "Only the owner and the admins may write."})
    custom = fields.Dict(required=True, metadata={"description": "The app's own."})
    member_count = Sequence(required=True)
    participants = fields.List(fields.Nested(ParticipantSchema), required=True)


class OwnSchema(Schema):
    """What is one member's own in a conversation: pointers, unread messages, settings."""

    example = {
        "unread_count": 1,
        "last_read_seq": 0,
        "last_delivered_seq": 0,
        "pinned": False,
        "archived": False,
        "muted_until": None,
    }

    unread_count = Sequence(required=True)
    last_read_seq = Sequence(required=True)
    last_delivered_seq = Sequence(required=True)
    pinned = fields.Boolean(required=True)
    archived = fields.Boolean(required=True)
    muted_until = fields.DateTime(required=True, allow_none=True)


class MemberConversationSchema(ConversationSchema, OwnSchema):
    """A conversation as one member sees it, with messages, oldest first."""

    example = {
        **ConversationSchema.example,
        "version": 2,
        "last_seq": 1,
        **OwnSchema.example,
        "last_message": MessageSchema.example,
        "messages": [MessageSchema.example],
    }

    last_message = fields.Nested(MessageSchema, required=True, allow_none=True)
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
