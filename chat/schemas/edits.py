"""Messages that exist: edited, deleted, and what they said before."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from .base import ANN_ID, CONVERSATION_ID, CREATED_AT, MESSAGE_ID, Schema
from .custom import Custom
from .fields import LONGEST_MESSAGE, Id, Items, Sequence, Text, Whole
from .messages import MessageSchema, ThreadSchema


class EditMessageSchema(Schema):
    """What to change of a message; what is left out stays."""

    example = {"message": "Is the kettle on now?", "version": 2}

    message = Text(longest=LONGEST_MESSAGE)
    mentions = Items(
        Id(), longest=100, metadata={"description": "Members to mention, besides those named `@[user_id]` in the text."}
    )
    attachments = Items(Id(), longest=100, metadata={"description": "Those to keep; the others are deleted."})
    custom = Custom(metadata={"description": "Merged with what is there: null removes a key (RFC 7396)."})
    version = Sequence(
        metadata={
            "description": "The `version` of the client's copy: 409 when text, mentions or custom were edited after it."
        }
    )

    @validates_schema
    def one_is_there(self, data: dict[str, Any], **kwargs: Any) -> None:
        if not data.keys() & {"message", "mentions", "attachments", "custom"}:
            raise ValidationError("Missing: send message, mentions, attachments or custom.", "message")


class EditedMessageSchema(MessageSchema):
    """A message that was edited, as its author gets it."""

    example = MessageSchema.example

    mentions_not_members = fields.List(
        Id(),
        metadata={"description": "Whom the message mentions in vain, since they are no members; if there are any."},
    )


class DeletedMessageSchema(MessageSchema):
    """What is left of a deleted message, and what the root of its thread has become."""

    example = {
        **MessageSchema.example,
        "message": "",
        "deleted_at": CREATED_AT,
        "reactions": [],
        "thread": None,
    }

    thread = fields.Nested(ThreadSchema, required=True, allow_none=True)


class UpdatedMessageSchema(MessageSchema):
    """A message that was changed. With `from_version` it stands for several changes, of which that is the first."""

    example = MessageSchema.example

    from_version = Sequence()


class MessageDeletionSchema(Schema):
    """A message was deleted; `thread` is what the root of its thread has become."""

    example = {
        "id": MESSAGE_ID,
        "conversation_id": CONVERSATION_ID,
        "seq": 1,
        "version": 3,
        "deleted_at": CREATED_AT,
        "thread": None,
    }

    id = Id(required=True)
    conversation_id = Id(required=True)
    seq = Sequence(required=True)
    version = Sequence(required=True)
    deleted_at = fields.DateTime(required=True)
    thread = fields.Nested(ThreadSchema, required=True, allow_none=True)


class MessageEditSchema(Schema):
    """An earlier text of a message, with the last `version` of the message that had it."""

    example = {"version": 2, "message": "Is the kettle on?", "edited_at": CREATED_AT, "user_id": ANN_ID}

    version = Sequence(required=True)
    message = fields.String(required=True)
    edited_at = fields.DateTime(required=True, metadata={"description": "When this text was written."})
    user_id = Id(required=True)


class ListMessageEditsSchema(Schema):
    """A page of earlier texts."""

    example = {"limit": 50}

    after_version = Sequence(metadata={"description": "The one in `Link`."})
    limit = Whole(1, 200, load_default=50)
