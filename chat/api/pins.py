"""Pins: add, remove, list."""

from typing import Any

from flask import Response

from ..actions import pins
from ..auth import Caller
from ..policy import announces, budget, raises
from ..schemas.messages import MessageSchema
from ..schemas.reactions import ListPinsSchema, PinSchema
from ..storage import storage
from .answers import answer
from .blueprint import Blueprint
from .lists import answer_list, place_of

blueprint = Blueprint("pins", __name__, description="Pin messages in their conversation.")


@blueprint.put("/messages/<id:message_id>/pin")
@blueprint.arguments(PinSchema)
@blueprint.response(200, MessageSchema)
@raises("message_not_found", "not_allowed")
@announces("messageUpdated")
@budget("send")
def pin_message(caller: Caller, body: dict[str, Any], message_id: str) -> Response:
    """Pin a message, as an admin or in a direct conversation; the members hear `messageUpdated`."""
    return answer(pins.pin(caller, message_id, True))


@blueprint.delete("/messages/<id:message_id>/pin")
@blueprint.caller()
@blueprint.response(200, MessageSchema)
@raises("message_not_found", "not_allowed")
@announces("messageUpdated")
@budget("send")
def unpin_message(caller: Caller, message_id: str) -> Response:
    """Take a pinned message off; the members hear `messageUpdated`."""
    return answer(pins.pin(caller, message_id, False))


@blueprint.get("/conversations/<id:conversation_id>/pins")
@blueprint.arguments(ListPinsSchema, location="query")
@blueprint.response(200, MessageSchema(many=True), headers=("Link",))
@raises("conversation_not_found")
@budget("default")
def list_pins(caller: Caller, query: dict[str, Any], conversation_id: str) -> Response:
    """List the pinned messages, the newest pin first. A page ends early after 2 MiB; `Link` leads to the next one."""
    return answer_list(storage.list_pins(caller, conversation_id, query["limit"], *place_of(query)))
