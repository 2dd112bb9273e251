"""Sync: what has changed since the versions, or the answer, that a client knows."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from .conversations import MemberConversationSchema
from .fields import Id, Mapping, Sequence, Text, Whole


class SyncSchema(Schema):
    """What a client knows: the version of each conversation, or the cursor of its last answer."""

    since = Mapping(
        keys=Id(),
        values=Sequence(required=True),
        longest=10_000,
        metadata={"description": "The version known of each conversation; one that is not named is unknown."},
    )
    cursor = Text(
        longest=200,
        metadata={"description": "The `cursor` of the last answer, in place of `since`: what changed after it."},
    )
    limit = Whole(1, 200, load_default=50, metadata={"description": "Messages of one conversation."})

    @validates_schema
    def one_of_both(self, data: dict[str, Any], **kwargs: Any) -> None:
        if "since" in data and "cursor" in data:
            raise ValidationError("Not together with since.", "cursor")


class SyncedConversationSchema(MemberConversationSchema):
    """A changed conversation: whole, with the messages changed since.

    `recovered: false` means: drop what you have of it, this is the newest page. An unchanged one comes
    with `id`, `version`, `last_seq` and the counters only.
    """

    recovered = fields.Boolean(required=True)


class SyncedSchema(Schema):
    """The answer. `has_more`: ask again with this `cursor`, or with the versions known now."""

    conversations = fields.List(fields.Nested(SyncedConversationSchema(partial=True)), required=True)
    removed = fields.List(Id(), required=True, metadata={"description": "Left, or deleted."})
    cursor = fields.String(required=True, metadata={"description": "Opaque; up to 200 characters."})
    has_more = fields.Boolean(required=True)
    reset = fields.Boolean(
        required=True, metadata={"description": "The cursor sent is of no use: forget everything, start with this."}
    )
