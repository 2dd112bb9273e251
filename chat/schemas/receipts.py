"""Receipts: how far a member has received and read a conversation."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from .fields import Id, Sequence


class ReceiptSchema(Schema):
    """One member's pointers: everything up to these numbers is delivered, or read."""

    conversation_id = Id(required=True)
    user_id = Id(required=True)
    read_seq = Sequence(required=True)
    delivered_seq = Sequence(required=True)


class UpdateReceiptSchema(Schema):
    """Pointers to move forward, one at least. A number beyond the newest message means the newest."""

    read_seq = Sequence(allow_none=True, load_default=None)
    delivered_seq = Sequence(allow_none=True, load_default=None)

    @validates_schema
    def something(self, data: dict[str, Any], **kwargs: Any) -> None:
        if data.get("read_seq") is None and data.get("delivered_seq") is None:
            raise ValidationError("Missing: send read_seq, delivered_seq or both.", "read_seq")


class UnreadSchema(Schema):
    """Unread messages, in all and in each conversation that has some."""

    total = Sequence(required=True)
    conversations = fields.Dict(keys=Id(), values=Sequence(), required=True)
