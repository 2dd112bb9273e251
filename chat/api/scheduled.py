"""Scheduled messages: list, change, delete. A send with `send_at` makes one."""

from typing import Any

from flask import Response

from ..actions import scheduled
from ..auth import Caller
from ..policy import budget, raises
from ..schemas.lists import ListSchema
from ..schemas.scheduled import ScheduledSchema, UpdateScheduledSchema
from ..storage import storage
from .answers import answer
from .blueprint import Blueprint
from .lists import answer_list, place_of

blueprint = Blueprint("scheduled", __name__, description="List, change and delete messages that are to be sent later.")


@blueprint.get("/scheduled")
@blueprint.arguments(ListSchema, location="query")
@blueprint.response(200, ScheduledSchema(many=True), headers=("Link",))
@budget("default")
def list_scheduled(caller: Caller, query: dict[str, Any]) -> Response:
    """List what the caller has scheduled and is not sent yet, the soonest first.

    The `Link` header leads to the next page.
    """
    return answer_list(storage.list_scheduled(caller, query["limit"], *place_of(query)))


@blueprint.patch("/scheduled/<id:scheduled_id>")
@blueprint.arguments(UpdateScheduledSchema)
@blueprint.response(200, ScheduledSchema)
@raises("scheduled_not_found", "conversation_not_found", "message_not_found", "attachment_not_found", "attachment_used")
@budget("default")
def update_scheduled(caller: Caller, body: dict[str, Any], scheduled_id: str) -> Response:
    """Change a scheduled message or its time; what is left out stays, and `custom` is merged."""
    return answer(scheduled.update(caller, scheduled_id, body))


@blueprint.delete("/scheduled/<id:scheduled_id>")
@blueprint.caller()
@blueprint.response(200, ScheduledSchema)
@raises("scheduled_not_found")
@budget("default")
def delete_scheduled(caller: Caller, scheduled_id: str) -> Response:
    """Delete a scheduled message, so that it is not sent."""
    return answer(scheduled.delete(caller, scheduled_id))
