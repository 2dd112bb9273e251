"""Messages: sent, listed, numbered."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, pre_load, validates_schema

from .fields import Id, Sequence, Text, Time, Whole
from .users import AuthorSchema

LONGEST_MESSAGE = 10_000


class MessageSchema(Schema):
    """A message and its author. A deleted one keeps its number, without its text."""

    id = Id(required=True)
    conversation_id = Id(required=True)
    user_id = Id(required=True)
    message = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    seq = Sequence(required=True, metadata={"description": "1, 2, 3, … in its conversation."})
    version = Sequence(required=True, metadata={"description": "Of the conversation, when this was last changed."})
    client_id = fields.String(required=True, allow_none=True)
    deleted_at = fields.DateTime(required=True, allow_none=True)
    users = fields.Nested(AuthorSchema, required=True)


class MessageConversationSchema(Schema):
    """The conversation of a message that was just sent."""

    id = Id(required=True)
    name = fields.String(required=True)
    owner_user_id = Id(required=True)
    created_at = fields.DateTime(required=True)
    version = Sequence(required=True)
    last_seq = Sequence(required=True)


class SentMessageSchema(MessageSchema):
    """A message as its sender and the event `message` get it."""

    conversations = fields.Nested(MessageConversationSchema, required=True)


class SendMessageSchema(Schema):
    """A message to send. With a `client_id` a repeated send is done once and gets the first answer."""

    message = Text(longest=LONGEST_MESSAGE, required=True)
    client_id = Text(longest=64, allow_none=True, load_default=None)


class ListMessagesSchema(Schema):
    """Which page: before, after or around a number, after a date, or the newest."""

    last_message_date = Time()
    before_seq = Sequence()
    after_seq = Sequence()
    around_seq = Sequence()
    limit = Whole(1, 200, metadata={"description": "Default 50. Alone it means the newest page."})

    @pre_load
    def without_empty_date(self, data: Mapping[str, Any], **kwargs: Any) -> dict[str, Any]:
        """The tutorial took an empty date, from an app that has no message yet, for none."""
        return {name: value for name, value in data.items() if (name, value) != ("last_message_date", "")}

    @validates_schema
    def one_cursor(self, data: dict[str, Any], **kwargs: Any) -> None:
        cursors = [name for name in ("last_message_date", "before_seq", "after_seq", "around_seq") if name in data]
        if len(cursors) > 1:
            raise ValidationError(f"Not together with {cursors[0]}.", cursors[1])
