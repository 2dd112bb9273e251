"""Sync: what has changed since the versions that a client knows."""

from marshmallow import Schema, fields
from marshmallow.validate import Length

from .conversations import MemberConversationSchema
from .fields import Id, Sequence, Whole


class SinceSchema(Schema):
    """The version known of each conversation; one that is not named is unknown."""

    since = fields.Dict(keys=Id(), values=Sequence(required=True), validate=Length(max=10_000))
    limit = Whole(1, 200, load_default=50, metadata={"description": "Messages of one conversation."})


class SyncSchema(SinceSchema):
    """What a client knows."""

    user_id = Id(metadata={"description": "The caller. Needed in open mode only."})


class SyncedConversationSchema(MemberConversationSchema):
    """A changed conversation: whole, with the messages changed since.

    `recovered: false` means: drop what you have of it, this is the newest page. An unchanged one comes
    with `id`, `version`, `last_seq` and the counters only.
    """

    recovered = fields.Boolean(required=True)


class SyncedSchema(Schema):
    """The answer. `has_more`: ask again with the versions known now."""

    conversations = fields.List(fields.Nested(SyncedConversationSchema(partial=True)), required=True)
    removed = fields.List(Id(), required=True, metadata={"description": "Left, or deleted."})
    has_more = fields.Boolean(required=True)
