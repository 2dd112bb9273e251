"""Receipts: what has been received and read, and what has not."""

from typing import Any

from flask import Response

from .. import auth
from ..actions import receipts
from ..schemas.receipts import CallerSchema, ReceiptSchema, UnreadSchema, UpdateReceiptSchema
from ..storage import storage
from .blueprint import Blueprint, answer, own_sid

blueprint = Blueprint("receipts", __name__, description="What has been received and read.")


@blueprint.put("/conversations/<id:conversation_id>/receipts")
@blueprint.arguments(UpdateReceiptSchema)
@blueprint.response(200, ReceiptSchema)
def update_receipt(body: dict[str, Any], conversation_id: str) -> Response:
    """Say how far the caller has received or read; a lower number changes nothing. The others hear `receipt`."""
    actor = auth.acting(body.get("user_id"))
    return answer(receipts.update(actor, conversation_id, body["read_seq"], body["delivered_seq"], own_sid(actor)))


@blueprint.get("/conversations/<id:conversation_id>/receipts")
@blueprint.arguments(CallerSchema, location="query")
@blueprint.response(200, ReceiptSchema(many=True))
def list_receipts(query: dict[str, Any], conversation_id: str) -> Response:
    """List how far each member has received and read."""
    return answer(storage.list_receipts(conversation_id, auth.acting(query.get("user_id"))))


@blueprint.get("/unread")
@blueprint.arguments(CallerSchema, location="query")
@blueprint.response(200, UnreadSchema)
def list_unread(query: dict[str, Any]) -> Response:
    """Count the caller's unread messages, in all and in each conversation that has some."""
    return answer(storage.list_unread(auth.acting(query.get("user_id"))))
