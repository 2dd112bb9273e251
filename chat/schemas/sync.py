"""Sync: what has changed since the versions, or the answer, that a client knows."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from .base import CONVERSATION_ID, CURSOR, Schema
from .conversations import MemberConversationSchema
from .fields import Id, Mapping, Sequence, Text, Whole


class SyncSchema(Schema):
    """What a client knows: the version of each conversation, or the cursor of its last answer."""

    example = {"since": {CONVERSATION_ID: 1}, "limit": 50}

    since = Mapping(
        keys=Id(),
        values=Sequence(required=True),
        longest=10_000,
        metadata={"description": "The version that the client knows of each conversation; it gets the others whole."},
    )
    cursor = Text(
        longest=200,
        metadata={
            "description": "The `cursor` of the last answer, instead of `since`: asks for what changed after it."
        },
    )
    limit = Whole(
        1, 200, load_default=50, metadata={"description": "How many messages of one conversation the answer holds."}
    )

    @validates_schema
    def one_of_both(self, data: dict[str, Any], **kwargs: Any) -> None:
        if "since" in data and "cursor" in data:
            raise ValidationError("Not together with since.", "cursor")


class SyncedConversationSchema(MemberConversationSchema):
    """A changed conversation: whole, with the messages that changed.

    `recovered: false`: drop what you have of it and start with its newest page, which is here. An unchanged
    conversation has `id`, `version`, `last_seq` and the counters only.
    """

    example = {**MemberConversationSchema.example, "recovered": True}

    recovered = fields.Boolean(required=True)


class SyncedSchema(Schema):
    """What changed. `has_more`: ask again with this `cursor`, or with the versions that you know now."""

    example = {
        "conversations": [SyncedConversationSchema.example],
        "removed": [],
        "cursor": CURSOR,
        "has_more": False,
        "reset": False,
    }

    conversations = fields.List(fields.Nested(SyncedConversationSchema(partial=True)), required=True)
    removed = fields.List(
        Id(), required=True, metadata={"description": "Conversations that the caller left, or that were deleted."}
    )
    cursor = fields.String(required=True, metadata={"description": "For the next call; opaque, up to 200 characters."})
    has_more = fields.Boolean(required=True)
    reset = fields.Boolean(
        required=True,
        metadata={"description": "The cursor that was sent cannot be used: drop everything and start with this."},
    )
