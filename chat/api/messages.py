"""Messages: send, list."""

from typing import Any

from flask import Response

from ..actions import messages
from ..actions.messages import SEND_ERRORS
from ..auth import Caller
from ..policy import announces, budget, raises
from ..schemas.messages import SEND_ANSWER, ListMessagesSchema, MessageSchema, SendMessageSchema
from ..storage import storage
from .answers import answer, answer_messages
from .blueprint import Blueprint

blueprint = Blueprint("messages", __name__, description="Send and list messages.")

#: Messages in the tutorial's answer, which has no pages.
WITHOUT_CURSOR = 1000
PAGE = 50


@blueprint.get("/conversations/<id:conversation_id>/messages")
@blueprint.arguments(ListMessagesSchema, location="query", caller_required=False)
@blueprint.response(200, MessageSchema(many=True), headers=("Link", "X-Has-More-Before", "X-Has-More-After"))
@raises("conversation_not_found")
@budget("default")
def list_messages(caller: Caller | None, query: dict[str, Any], conversation_id: str) -> Response:
    """List messages, oldest first: a page before, after or around a number, or the newest.

    Without any of them the answer is the conversation from its start, or after `last_message_date`: 1,000 messages at
    most. A page ends early after 2 MiB. The `Link` headers lead to the rest.
    """
    has_cursor = query.keys() & {"before_seq", "after_seq", "around_seq"}
    page = storage.list_messages(
        caller,
        conversation_id,
        query.get("limit", PAGE if has_cursor else WITHOUT_CURSOR),
        query.get("before_seq"),
        query.get("after_seq"),
        query.get("around_seq"),
        query.get("last_message_date"),
    )
    return answer_messages(page)


@blueprint.post("/conversations/<id:conversation_id>/messages/create")
@blueprint.arguments(SendMessageSchema)
@blueprint.response(200, SEND_ANSWER)
@raises(*SEND_ERRORS)
@announces("message")
@budget("send")
def send_message(caller: Caller, body: dict[str, Any], conversation_id: str) -> Response:
    """Send a message; the other members hear `message`. Repeated with the same `client_id` it is sent once.

    With `send_at` it is scheduled, and nobody hears of it before.
    """
    return answer(messages.send(caller, conversation_id, body))
