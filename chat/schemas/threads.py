"""Threads: a message and the replies to it."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from .base import CONVERSATION_ID, MESSAGE_ID, Schema
from .fields import Id, Sequence, Whole
from .messages import MessageSchema


class OwnThreadSchema(Schema):
    """What is a member's own in a thread."""

    example = {"unread_count": 1, "last_read_seq": 1, "following": True}

    unread_count = Sequence(required=True, metadata={"description": "Replies that are not read; 100 stands for more."})
    last_read_seq = Sequence(required=True)
    following = fields.Boolean(required=True)


class ThreadMemberSchema(OwnThreadSchema):
    """How far the caller has read a thread, and whether the caller follows it."""

    example = {"thread_id": MESSAGE_ID, "conversation_id": CONVERSATION_ID, **OwnThreadSchema.example}

    thread_id = Id(required=True, metadata={"description": "The root of the thread."})
    conversation_id = Id(required=True)


class FollowedThreadSchema(MessageSchema, OwnThreadSchema):
    """The root of a thread, with what is the caller's own in it."""

    example = {**MessageSchema.example, **OwnThreadSchema.example}


class ListRepliesSchema(Schema):
    """A page of replies: before or after a number, or the newest."""

    example = {"after_seq": 0, "limit": 50}

    before_seq = Sequence()
    after_seq = Sequence()
    limit = Whole(1, 200, load_default=50)

    @validates_schema
    def one_cursor(self, data: dict[str, Any], **kwargs: Any) -> None:
        if "before_seq" in data and "after_seq" in data:
            raise ValidationError("Not together with before_seq.", "after_seq")


class ReadThreadSchema(Schema):
    """How far the caller has read a thread; a lower number changes nothing."""

    example = {"read_seq": 2}

    read_seq = Sequence(required=True)


class FollowThreadSchema(Schema):
    """Nothing but the caller, in open mode."""
