"""Receipts: how far members have received and read, and what is unread."""

from typing import Any

from flask import Response

from ..actions import receipts
from ..auth import Caller
from ..policy import announces, budget, raises
from ..schemas.receipts import ReceiptSchema, UnreadSchema, UpdateReceiptSchema
from ..storage import storage
from .answers import answer
from .blueprint import Blueprint

blueprint = Blueprint("receipts", __name__, description="Update and list how far members have received and read.")


@blueprint.put("/conversations/<id:conversation_id>/receipts")
@blueprint.arguments(UpdateReceiptSchema)
@blueprint.response(200, ReceiptSchema)
@raises("conversation_not_found")
@announces("receipt")
@budget("default")
def update_receipt(caller: Caller, body: dict[str, Any], conversation_id: str) -> Response:
    """Update how far the caller has received or read; a lower number changes nothing. The others hear `receipt`.

    `unread_from` marks unread: the one way in which the read pointer moves back. Only the caller's own devices hear
    of that.
    """
    return answer(receipts.update(caller, conversation_id, body))


@blueprint.get("/conversations/<id:conversation_id>/receipts")
@blueprint.caller()
@blueprint.response(200, ReceiptSchema(many=True))
@raises("conversation_not_found")
@budget("default")
def list_receipts(caller: Caller, conversation_id: str) -> Response:
    """List how far each member has received and read.

    Members who share no receipts are left out; who shares none gets only its own.
    """
    return answer(storage.list_receipts(caller, conversation_id))


@blueprint.get("/unread")
@blueprint.caller()
@blueprint.response(200, UnreadSchema)
@budget("default")
def list_unread(caller: Caller) -> Response:
    """Count the caller's unread messages: in all, without muted conversations, and by conversation."""
    return answer(storage.list_unread(caller))
