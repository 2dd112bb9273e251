"""Invites: links that let people into a conversation."""

from marshmallow import fields

from .base import ANN_ID, CONVERSATION_ID, CREATED_AT, Schema
from .fields import Before, Id, Sequence, Whole

CODE = "Zk2mX9b7Q1uR4tYw8sEoLA"


class InviteSchema(Schema):
    """An invite, as those see it who may make one."""

    example = {
        "code": CODE,
        "conversation_id": CONVERSATION_ID,
        "user_id": ANN_ID,
        "uses_left": 5,
        "expires_at": CREATED_AT,
        "created_at": CREATED_AT,
    }

    code = fields.String(required=True)
    conversation_id = Id(required=True)
    user_id = Id(required=True, metadata={"description": "Who made it."})
    uses_left = Sequence(required=True, allow_none=True, metadata={"description": "null: no limit."})
    expires_at = fields.DateTime(required=True, allow_none=True, metadata={"description": "null: never."})
    created_at = fields.DateTime(required=True)


class CreateInviteSchema(Schema):
    """How long an invite can be used, and how often."""

    example = {"expires_in": 86_400, "uses": 5}

    expires_in = Whole(1, 31_536_000, allow_none=True, metadata={"description": "Seconds; without it, for ever."})
    uses = Whole(
        1, 100_000, allow_none=True, metadata={"description": "People whom it lets in; without it, any number."}
    )


class ListInvitesSchema(Schema):
    """A page of invites: the newest first."""

    example = {"limit": 50}

    limit = Whole(1, 100, load_default=50)
    before = Before()


class OfferedInviteSchema(Schema):
    """What an invite says to whoever has it."""

    example = {"code": CODE, "name": "Tea", "member_count": 2, "conversation_id": None}

    code = fields.String(required=True)
    name = fields.String(required=True)
    member_count = Sequence(required=True)
    conversation_id = Id(
        required=True, allow_none=True, metadata={"description": "For a caller who is a member already, else null."}
    )
