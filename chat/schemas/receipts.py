"""Receipts: how far a member has received and read a conversation."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from .base import BOB_ID, CONVERSATION_ID, Schema
from .fields import Before, Id, Sequence, Whole


class ReceiptSchema(Schema):
    """One member's pointers: the numbers of the last message that was read, and of the last that was delivered."""

    example = {"conversation_id": CONVERSATION_ID, "user_id": BOB_ID, "read_seq": 1, "delivered_seq": 1}

    conversation_id = Id(required=True)
    user_id = Id(required=True)
    read_seq = Sequence(required=True)
    delivered_seq = Sequence(required=True)


class UpdateReceiptSchema(Schema):
    """The pointers to move forward, one or both, or the message from which on all is unread.

    A number beyond the newest message means the newest.
    """

    example = {"read_seq": 1}

    read_seq = Sequence(allow_none=True, load_default=None)
    delivered_seq = Sequence(allow_none=True, load_default=None)
    unread_from = Sequence(
        allow_none=True,
        load_default=None,
        metadata={"description": "Mark unread: the read pointer moves back, before this message. Alone."},
    )

    @validates_schema
    def one_is_there(self, data: dict[str, Any], **kwargs: Any) -> None:
        moves_forward = data.get("read_seq") is not None or data.get("delivered_seq") is not None
        if data.get("unread_from") is None and not moves_forward:
            raise ValidationError("Missing: send read_seq, delivered_seq or both; or unread_from.", "read_seq")
        if data.get("unread_from") is not None and moves_forward:
            raise ValidationError("Send it alone, without read_seq and delivered_seq.", "unread_from")


class ListReceiptsSchema(Schema):
    """A page of receipts."""

    example = {"limit": 1000}

    limit = Whole(1, 1000, load_default=1000)
    before = Before()


class UnreadSchema(Schema):
    """Unread messages: in all, without muted conversations, and in each conversation that has some."""

    example = {"total": 1, "total_unmuted": 1, "conversations": {CONVERSATION_ID: 1}}

    total = Sequence(required=True)
    total_unmuted = Sequence(required=True)
    conversations = fields.Dict(keys=Id(), values=Sequence(), required=True)
