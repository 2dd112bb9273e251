"""Conversations: open, list, read, change, delete."""

from typing import Any

from flask import Response, current_app

from ..actions import conversations
from ..auth import Caller
from ..policy import announces, budget, raises
from ..schemas.choices import Flag
from ..schemas.conversations import (
    ConversationSchema,
    CreateConversationSchema,
    DirectConversationSchema,
    ListConversationsSchema,
    MemberConversationSchema,
    OpenedConversationSchema,
    OwnConversationSchema,
    UpdateConversationSchema,
)
from ..schemas.events import VersionSchema
from ..schemas.fields import Id, Time
from ..schemas.public_conversations import PublicConversationSchema, SearchPublicSchema
from ..storage import storage
from .answers import answer, answer_page
from .blueprint import Blueprint
from .cursors import make_cursor, parse_cursor
from .hooks import spend
from .lists import answer_list, place_of

blueprint = Blueprint(
    "conversations", __name__, description="Open, list, change and delete conversations, of two people or of many."
)


@blueprint.post("/conversations/create")
@blueprint.arguments(CreateConversationSchema, names_caller="owner_id")
@blueprint.response(200, OpenedConversationSchema)
@announces("newConversation")
@budget("create")
def create_conversation(caller: Caller, body: dict[str, Any]) -> Response:
    """Open a conversation; the listed participants hear `newConversation`.

    Participants who have blocked the caller are left out: `not_added`. It counts as one against `RATE_LIMIT_CREATE`,
    and each participant as one more.
    """
    spend("create", len(body["participant_ids"]))
    return answer(conversations.create(caller, body["participant_ids"], body["group_name"]))


@blueprint.post("/conversations/direct")
@blueprint.arguments(DirectConversationSchema)
@blueprint.response(200, ConversationSchema)
@raises("blocked")
@announces("newConversation")
@budget("create")
def open_direct_conversation(caller: Caller, body: dict[str, Any]) -> Response:
    """Get the one conversation of the caller and another user; where there is none it is made.

    Both hear `newConversation` when it is made. Nobody owns it, is added or leaves: it can be archived.
    """
    return answer(conversations.open_direct(caller, body["other_user_id"]))


@blueprint.get("/conversations")
@blueprint.arguments(ListConversationsSchema, location="query")
@blueprint.response(200, MemberConversationSchema(many=True), headers=("Link",))
@budget("default")
def list_conversations(caller: Caller, query: dict[str, Any]) -> Response:
    """List the caller's conversations, each with its newest messages: the pinned first, then the most recently active.

    Archived ones are left out, unless `archived=true` asks for them too. The `Link` header leads to the next page.
    """
    before = None
    if "before" in query:
        pinned, at, id = parse_cursor(query["before"], Flag(), Time(), Id())
        before = {"pinned": pinned, "at": at, "id": id}
    message_limit = query.get("message_limit", current_app.config["CHAT"].conversation_messages)
    page = storage.list_conversations(caller, query["limit"], message_limit, query["archived"], before)
    after = page.info["next"]
    cursor = after and make_cursor(str(after["pinned"]).lower(), after["at"], after["id"])
    return answer_page(page, {"next": {"before": cursor} if cursor else None})


@blueprint.get("/conversations/public")
@blueprint.arguments(SearchPublicSchema, location="query")
@blueprint.response(200, PublicConversationSchema(many=True), headers=("Link",))
@budget("default")
def list_public_conversations(caller: Caller, query: dict[str, Any]) -> Response:
    """Find public conversations by a part of their name, case-insensitive; the newest first.

    The `Link` header leads to the next page.
    """
    page = storage.list_public_conversations(caller, query.get("q") or None, query["limit"], *place_of(query))
    return answer_list(page)


@blueprint.get("/conversations/<id:conversation_id>")
@blueprint.caller()
@blueprint.response(200, OwnConversationSchema)
@raises("conversation_not_found")
@budget("default")
def get_conversation(caller: Caller, conversation_id: str) -> Response:
    """Get a conversation as the caller sees it."""
    return answer(storage.get_conversation(caller, conversation_id))


@blueprint.patch("/conversations/<id:conversation_id>")
@blueprint.arguments(UpdateConversationSchema)
@blueprint.response(200, ConversationSchema)
@raises("conversation_not_found", "not_allowed")
@announces("conversationUpdated", "message")
@budget("default")
def update_conversation(caller: Caller, body: dict[str, Any], conversation_id: str) -> Response:
    """Change a conversation: its owner and admins may; the members hear `conversationUpdated`.

    A new name is told by a system message too, if those are on. What changes nothing is no change: nobody hears of it.
    """
    return answer(conversations.update(caller, conversation_id, body))


@blueprint.delete("/conversations/<id:conversation_id>")
@blueprint.caller()
@blueprint.response(200, VersionSchema)
@raises("conversation_not_found", "not_allowed")
@announces("conversationDeleted")
@budget("default")
def delete_conversation(caller: Caller, conversation_id: str) -> Response:
    """Delete a conversation with everything in it: its owner may; the members hear `conversationDeleted`."""
    return answer(conversations.delete(caller, conversation_id))
