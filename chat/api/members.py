"""Members of a conversation: list, add, change, remove; join and leave; one's own settings."""

from typing import Any

from flask import Response

from ..actions import members
from ..auth import Caller
from ..policy import announces, budget, raises
from ..schemas.base import CallerSchema
from ..schemas.conversations import ConversationSchema, OpenedConversationSchema, ParticipantSchema
from ..schemas.fields import Id, Time
from ..schemas.members import (
    AddMembersSchema,
    ChangedParticipantSchema,
    ListMembersSchema,
    SettingsSchema,
    UpdateMemberSchema,
    UpdateSettingsSchema,
)
from ..storage import storage
from .answers import answer, answer_page
from .blueprint import Blueprint
from .cursors import make_cursor, parse_cursor
from .hooks import spend

blueprint = Blueprint("members", __name__, description="List, add, change and remove members; join and leave.")


@blueprint.get("/conversations/<id:conversation_id>/participants")
@blueprint.arguments(ListMembersSchema, location="query")
@blueprint.response(200, ParticipantSchema(many=True), headers=("Link",))
@raises("conversation_not_found")
@budget("default")
def list_members(caller: Caller, query: dict[str, Any], conversation_id: str) -> Response:
    """List the members of a conversation, the longest-standing first. The `Link` header leads to the next page."""
    after = None
    if "before" in query:
        at, id = parse_cursor(query["before"], Time(allow_none=True), Id())
        after = {"at": at, "id": id}
    page = storage.list_members(caller, conversation_id, query["limit"], after)
    last = page.info["next"]
    return answer_page(page, {"next": {"before": make_cursor(last["at"], last["id"])} if last else None})


@blueprint.post("/conversations/<id:conversation_id>/participants")
@blueprint.arguments(AddMembersSchema)
@blueprint.response(200, OpenedConversationSchema)
@raises("conversation_not_found", "not_allowed")
@announces("newConversation", "conversationUpdated", "message")
@budget("create")
def add_members(caller: Caller, body: dict[str, Any], conversation_id: str) -> Response:
    """Add people: the owner and admins may. They hear `newConversation`, the other members `conversationUpdated`.

    They start with everything read. Who was in it before starts anew. Those who have blocked the caller are left out:
    `not_added`. Each of them counts against `RATE_LIMIT_CREATE`.
    """
    spend("create", len(body["participant_ids"]))
    return answer(members.add(caller, conversation_id, body))


@blueprint.patch("/conversations/<id:conversation_id>/participants/<id:user_id>")
@blueprint.arguments(UpdateMemberSchema)
@blueprint.response(200, ChangedParticipantSchema)
@raises("conversation_not_found", "not_allowed")
@announces("conversationUpdated")
@budget("default")
def update_member(caller: Caller, body: dict[str, Any], conversation_id: str, user_id: str) -> Response:
    """Give a member a role, or hand the conversation over: the owner may. Or change `custom`: the member, or an admin.

    The members hear `conversationUpdated`.
    """
    return answer(members.update(caller, conversation_id, user_id, body))


@blueprint.delete("/conversations/<id:conversation_id>/participants/<id:user_id>")
@blueprint.caller()
@blueprint.response(200, ChangedParticipantSchema)
@raises("conversation_not_found", "not_allowed")
@announces("removedFromConversation", "conversationUpdated", "message")
@budget("default")
def remove_member(caller: Caller, conversation_id: str, user_id: str) -> Response:
    """Remove a member, or leave. Admins remove members, the owner everybody else.

    Who goes hears `removedFromConversation`, the others `conversationUpdated`. An owner who leaves is followed by the
    longest-standing admin, else member; the last one who leaves deletes the conversation.
    """
    return answer(members.remove(caller, conversation_id, user_id))


@blueprint.post("/conversations/<id:conversation_id>/join")
@blueprint.arguments(CallerSchema)
@blueprint.response(200, ConversationSchema)
@raises("conversation_not_found")
@announces("newConversation", "conversationUpdated", "message")
@budget("default")
def join_conversation(caller: Caller, body: dict[str, Any], conversation_id: str) -> Response:
    """Enter a public conversation; the other members hear `conversationUpdated`. A member already: nothing changes."""
    return answer(members.join(caller, conversation_id))


@blueprint.patch("/conversations/<id:conversation_id>/settings")
@blueprint.arguments(UpdateSettingsSchema)
@blueprint.response(200, SettingsSchema)
@raises("conversation_not_found")
@announces("conversationSettings")
@budget("default")
def update_settings(caller: Caller, body: dict[str, Any], conversation_id: str) -> Response:
    """Pin, archive or mute a conversation, for the caller alone, whose other sessions hear `conversationSettings`."""
    return answer(members.update_settings(caller, conversation_id, body))
