"""Messages: sent and listed."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, pre_load, validates_schema

from .attachments import MAX_ATTACHMENTS, AttachmentSchema
from .base import ANN_ID, BOB_ID, CLIENT_ID, CONVERSATION_ID, CREATED_AT, MESSAGE_ID, Schema
from .custom import Custom
from .fields import LONGEST_MESSAGE, Id, Items, Sequence, Text, Time, Whole
from .scheduled import ScheduledSchema
from .users import AuthorSchema


class QuoteSchema(Schema):
    """The message that another one answers: its first 200 characters, as they are now."""

    example = {
        "id": MESSAGE_ID,
        "seq": 1,
        "user_id": ANN_ID,
        "users": AuthorSchema.example,
        "message": "Is the kettle on?",
        "deleted_at": None,
    }

    id = Id(required=True)
    seq = Sequence(required=True)
    user_id = Id(required=True)
    users = fields.Nested(AuthorSchema, required=True)
    message = fields.String(required=True)
    deleted_at = fields.DateTime(required=True, allow_none=True)


class ReactionSchema(Schema):
    """One kind of reaction to a message. `me`, in answers and acknowledgements only: whether the caller gave it."""

    example = {"emoji": "👍", "count": 1, "user_ids": [BOB_ID], "me": False}

    emoji = fields.String(required=True)
    count = Sequence(required=True)
    user_ids = fields.List(Id(), required=True, metadata={"description": "The first 20 who gave it."})
    me = fields.Boolean()


class ThreadSchema(Schema):
    """What the root of a thread says of its replies."""

    example = {"id": MESSAGE_ID, "seq": 1, "reply_count": 1, "last_reply_at": CREATED_AT}

    id = Id(required=True)
    seq = Sequence(required=True)
    reply_count = Sequence(required=True)
    last_reply_at = fields.DateTime(required=True, allow_none=True)


class MessageSchema(Schema):
    """A message and its author. A deleted one keeps its number and loses its text."""

    example = {
        "id": MESSAGE_ID,
        "conversation_id": CONVERSATION_ID,
        "user_id": ANN_ID,
        "message": "Is the kettle on?",
        "created_at": CREATED_AT,
        "seq": 1,
        "version": 2,
        "client_id": CLIENT_ID,
        "deleted_at": None,
        "users": AuthorSchema.example,
        "type": "text",
        "edited_at": None,
        "reply_to": None,
        "quote": None,
        "thread_id": None,
        "reply_count": 0,
        "last_reply_at": None,
        "reactions": [ReactionSchema.example],
        "mentions": [],
        "attachments": [],
        "pinned_at": None,
        "custom": {},
    }

    id = Id(required=True)
    conversation_id = Id(required=True)
    user_id = Id(required=True)
    message = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    seq = Sequence(required=True, metadata={"description": "The message's number in its conversation: 1, 2, 3, …"})
    version = Sequence(
        required=True, metadata={"description": "The conversation's version at the last change of this message."}
    )
    client_id = fields.String(required=True, allow_none=True)
    deleted_at = fields.DateTime(required=True, allow_none=True)
    users = fields.Nested(AuthorSchema, required=True)
    type = fields.String(required=True, metadata={"enum": ["text", "system"]})
    edited_at = fields.DateTime(required=True, allow_none=True)
    reply_to = Id(required=True, allow_none=True, metadata={"description": "The message that this one answers."})
    quote = fields.Nested(QuoteSchema, required=True, allow_none=True)
    thread_id = Id(required=True, allow_none=True, metadata={"description": "The root of this reply's thread."})
    reply_count = Sequence(required=True, metadata={"description": "The replies in the thread of this message."})
    last_reply_at = fields.DateTime(required=True, allow_none=True)
    reactions = fields.List(fields.Nested(ReactionSchema), required=True)
    mentions = fields.List(Id(), required=True, metadata={"description": "The members whom it mentions."})
    attachments = fields.List(fields.Nested(AttachmentSchema), required=True)
    pinned_at = fields.DateTime(required=True, allow_none=True)
    custom = fields.Dict(required=True, metadata={"description": "The app's own."})


class MessageConversationSchema(Schema):
    """The conversation of a message that was just sent."""

    example = {
        "id": CONVERSATION_ID,
        "name": "Tea",
        "owner_user_id": ANN_ID,
        "created_at": CREATED_AT,
        "version": 2,
        "last_seq": 1,
    }

    id = Id(required=True)
    name = fields.String(required=True)
    owner_user_id = Id(required=True)
    created_at = fields.DateTime(required=True)
    version = Sequence(required=True)
    last_seq = Sequence(required=True)


class SentMessageSchema(MessageSchema):
    """A message with its conversation, as the sender and the event `message` get it."""

    example = {**MessageSchema.example, "thread": None, "conversations": MessageConversationSchema.example}

    thread = fields.Nested(
        ThreadSchema, required=True, allow_none=True, metadata={"description": "What its thread's root has become."}
    )
    conversations = fields.Nested(MessageConversationSchema, required=True)


class SendAnswerSchema(SentMessageSchema):
    """What a send is answered with: the message or, with `send_at`, nothing but `scheduled`."""

    example = SentMessageSchema.example

    mentions_not_members = fields.List(
        Id(),
        metadata={"description": "Whom the message mentions in vain, since they are no members; if there are any."},
    )
    scheduled = fields.Nested(ScheduledSchema, metadata={"description": "The message, to be sent at `send_at`."})


#: A send with `send_at` is answered with `scheduled` alone.
SEND_ANSWER = SendAnswerSchema(partial=tuple(SentMessageSchema().fields))


class MessageText(Text):
    """The text of a message, empty when it is nothing but white space: then it needs attachments."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"minLength": 0}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, str) and not value.strip():
            return ""
        return super()._deserialize(value, attr, data, **kwargs)


class SendMessageSchema(Schema):
    """A message to send. Repeated with the same `client_id` it is sent once and gets the first answer."""

    example = {"message": "Is the kettle on?", "client_id": CLIENT_ID}

    message = MessageText(longest=LONGEST_MESSAGE, load_default="")
    client_id = Text(longest=64, allow_none=True, load_default=None)
    attachments = Items(
        Id(),
        longest=MAX_ATTACHMENTS,
        metadata={"description": "Files to send with it, uploaded before; `message` may be missing then."},
    )
    reply_to = Id(allow_none=True, metadata={"description": "The message that this one answers and quotes."})
    thread_id = Id(
        allow_none=True,
        metadata={"description": "The message to whose thread this belongs, or a reply in it."},
    )
    mentions = Items(
        Id(), longest=100, metadata={"description": "Members to mention, besides those named `@[user_id]` in the text."}
    )
    custom = Custom()
    send_at = Time(
        allow_none=True, metadata={"description": "Send it then, within a year; the answer has `scheduled` alone."}
    )

    @validates_schema
    def something_is_said(self, data: dict[str, Any], **kwargs: Any) -> None:
        if not data["message"] and not data.get("attachments"):
            raise ValidationError("Must not be empty without attachments.", "message")


class ListMessagesSchema(Schema):
    """A page of messages: before, after or around a number, after a date, or the newest."""

    example = {"after_seq": 0, "limit": 50}

    last_message_date = Time()
    before_seq = Sequence()
    after_seq = Sequence()
    around_seq = Sequence()
    limit = Whole(
        1, 200, metadata={"description": "50 with a cursor. Without a cursor a limit asks for the newest page."}
    )

    @pre_load
    def without_empty_date(self, data: Mapping[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Take an empty date for none, as the tutorial's server did: its app sends one before it has a message."""
        return {name: value for name, value in data.items() if (name, value) != ("last_message_date", "")}

    @validates_schema
    def one_cursor(self, data: dict[str, Any], **kwargs: Any) -> None:
        cursors = [name for name in ("last_message_date", "before_seq", "after_seq", "around_seq") if name in data]
        if len(cursors) > 1:
            raise ValidationError(f"Not together with {cursors[0]}.", cursors[1])
