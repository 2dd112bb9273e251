"""Receipts: how far members have received and read, and what is unread."""

from typing import Any

from flask import Response

from ..actions import receipts
from ..auth import Caller
from ..policy import announces, budget, raises
from ..schemas.fields import Id
from ..schemas.receipts import ListReceiptsSchema, ReceiptSchema, UnreadSchema, UpdateReceiptSchema
from ..storage import storage
from .answers import answer, answer_page
from .blueprint import Blueprint
from .cursors import make_cursor, parse_cursor

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
@blueprint.arguments(ListReceiptsSchema, location="query")
@blueprint.response(200, ReceiptSchema(many=True), headers=("Link",))
@raises("conversation_not_found")
@budget("default")
def list_receipts(caller: Caller, query: dict[str, Any], conversation_id: str) -> Response:
    """List how far each member has received and read. The `Link` header leads to the next page.

    Members who share no receipts are left out; who shares none gets only its own.
    """
    after = parse_cursor(query["before"], Id())[0] if "before" in query else None
    page = storage.list_receipts(caller, conversation_id, query["limit"], after)
    last = page.info["next"]
    return answer_page(page, {"next": {"before": make_cursor(last)} if last else None})


@blueprint.get("/unread")
@blueprint.caller()
@blueprint.response(200, UnreadSchema)
@budget("default")
def list_unread(caller: Caller) -> Response:
    """Count the caller's unread messages: in all, without muted conversations, and by conversation."""
    return answer(storage.list_unread(caller))
