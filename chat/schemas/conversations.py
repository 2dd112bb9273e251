"""Conversations and what one member sees of them."""

from marshmallow import fields

from .base import ANN_ID, BOB_ID, CONVERSATION_ID, CREATED_AT, Schema
from .choices import NOTIFICATIONS, Choice, Flag
from .custom import Custom
from .fields import Before, Id, Items, Sequence, Text, Url, Whole
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
        "conversation_id": CONVERSATION_ID,
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
        "retention_days": None,
        "custom": {},
        "member_count": 2,
        "participants": [
            ParticipantSchema.example,
            {**ParticipantSchema.example, "id": BOB_ID, "username": "bob", "role": "member"},
        ],
    }

    id = Id(required=True)
    conversation_id = Id(required=True, metadata={"description": "The same as `id`; every event has it."})
    name = fields.String(required=True, metadata={"description": "Empty for a direct conversation."})
    owner_user_id = Id(required=True, metadata={"description": "Of a direct conversation: who made it."})
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
    retention_days = Sequence(
        required=True,
        allow_none=True,
        metadata={"description": "After so many days messages are deleted; null: as long as the server keeps them."},
    )
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
        "notifications": None,
    }

    unread_count = Sequence(required=True)
    last_read_seq = Sequence(required=True)
    last_delivered_seq = Sequence(required=True)
    pinned = fields.Boolean(required=True)
    archived = fields.Boolean(required=True)
    muted_until = fields.DateTime(required=True, allow_none=True)
    notifications = fields.String(required=True, allow_none=True, metadata={"enum": [*NOTIFICATIONS, None]})


class OwnConversationSchema(ConversationSchema, OwnSchema):
    """A conversation as one member sees it."""

    example = {
        **ConversationSchema.example,
        "version": 2,
        "last_seq": 1,
        **OwnSchema.example,
        "last_message": MessageSchema.example,
    }

    last_message = fields.Nested(MessageSchema, required=True, allow_none=True)


class MemberConversationSchema(OwnConversationSchema):
    """A conversation as one member sees it, with messages, oldest first."""

    example = {**OwnConversationSchema.example, "messages": [MessageSchema.example]}

    messages = fields.List(fields.Nested(MessageSchema), required=True)


class OpenedConversationSchema(ConversationSchema):
    """A conversation and, where somebody was left out who has blocked the caller, `not_added`."""

    example = ConversationSchema.example

    not_added = fields.List(Id(), metadata={"description": "Who cannot be added by the caller. Left out when empty."})


class CreateConversationSchema(Schema):
    """A conversation to open. The owner is a member, listed or not."""

    example = {"participant_ids": [BOB_ID], "group_name": "Tea"}

    participant_ids = Items(Id(), longest=1000, required=True)
    group_name = Text(longest=255, trim=True, required=True)


class DirectConversationSchema(Schema):
    """The other of the two people of a direct conversation."""

    example = {"other_user_id": BOB_ID}

    other_user_id = Id(required=True)


class UpdateConversationSchema(Schema):
    """What to change; the rest stays. null removes a description or an avatar, `custom` is merged (RFC 7396)."""

    example = {"name": "Tea at five", "description": "Bring biscuits.", "slow_mode_seconds": 10}

    name = Text(longest=255, trim=True)
    description = Text(longest=2000, allow_none=True)
    avatar_url = Url(allow_none=True)
    visibility = Choice(("private", "public"))
    history = Choice(("all", "since_joined"), metadata={"description": "What members see who come from now on."})
    retention_days = Whole(
        1, 36_500, allow_none=True, metadata={"description": "Days that messages are kept; null: what the server says."}
    )
    slow_mode_seconds = Whole(
        0, 86_400, metadata={"description": "Seconds between two messages of one member; 0: no limit."}
    )
    frozen = Flag(metadata={"description": "Only the owner and the admins may write."})
    custom = Custom()


class ListConversationsSchema(Schema):
    """A page of conversations: the pinned ones first."""

    example = {"limit": 50, "message_limit": 10}

    limit = Whole(1, 100, load_default=50)
    message_limit = Whole(
        0,
        100,
        metadata={"description": "Newest messages that each conversation carries. Default: a setting."},
    )
    archived = Flag(load_default=False, metadata={"description": "`true`: with the archived ones."})
    before = Before()
