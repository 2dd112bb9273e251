"""Messages that exist: get, edit, delete, list what they said before."""

from typing import Any

from flask import Response

from ..actions import edits
from ..auth import Caller
from ..policy import announces, budget, raises
from ..schemas.edits import (
    DeletedMessageSchema,
    EditedMessageSchema,
    EditMessageSchema,
    ListMessageEditsSchema,
    MessageEditSchema,
)
from ..schemas.messages import MessageSchema
from ..storage import storage
from .answers import answer, answer_page
from .blueprint import Blueprint

blueprint = Blueprint("edits", __name__, description="Get, edit and delete single messages.")


@blueprint.get("/messages/<id:message_id>")
@blueprint.caller()
@blueprint.response(200, MessageSchema)
@raises("message_not_found")
@budget("default")
def get_message(caller: Caller, message_id: str) -> Response:
    """Get a message; a deleted one too, without its text."""
    return answer(storage.get_message(caller, message_id))


@blueprint.patch("/messages/<id:message_id>")
@blueprint.arguments(EditMessageSchema)
@blueprint.response(200, EditedMessageSchema)
@raises("message_not_found", "attachment_not_found", "not_allowed", "blocked", "frozen", "version_conflict")
@announces("messageUpdated")
@budget("send")
def edit_message(caller: Caller, body: dict[str, Any], message_id: str) -> Response:
    """Edit a message of one's own; the members hear `messageUpdated`. System and deleted messages cannot be edited."""
    return answer(edits.edit(caller, message_id, body))


@blueprint.delete("/messages/<id:message_id>")
@blueprint.caller()
@blueprint.response(200, DeletedMessageSchema)
@raises("message_not_found", "not_allowed")
@announces("messageDeleted")
@budget("send")
def delete_message(caller: Caller, message_id: str) -> Response:
    """Delete a message of one's own or, as an admin, of anybody; the members hear `messageDeleted`.

    Its place and number stay; text, earlier texts, reactions and attachments are gone. A second time nothing changes.
    """
    return answer(edits.delete(caller, message_id))


@blueprint.get("/messages/<id:message_id>/history")
@blueprint.arguments(ListMessageEditsSchema, location="query")
@blueprint.response(200, MessageEditSchema(many=True), headers=("Link",))
@raises("message_not_found")
@budget("default")
def list_message_edits(caller: Caller, query: dict[str, Any], message_id: str) -> Response:
    """List the earlier texts of a message, the original first; none of a message that was not edited, or deleted."""
    page = storage.list_message_edits(caller, message_id, query["limit"], query.get("after_version"))
    following = page.info["next"]
    return answer_page(page, {"next": {"after_version": following} if following else None})
