"""Conversations: open, list."""

from typing import Any

from flask import Response, current_app

from ..actions import conversations
from ..auth import Caller
from ..policy import announces, budget
from ..schemas.conversations import (
    ConversationSchema,
    CreateConversationSchema,
    ListConversationsSchema,
    MemberConversationSchema,
)
from ..schemas.fields import Id, Time
from ..storage import storage
from .answers import answer, answer_page
from .blueprint import Blueprint
from .cursors import make_cursor, parse_cursor
from .hooks import spend

blueprint = Blueprint("conversations", __name__, description="Open and list conversations, of two people or of many.")


@blueprint.post("/conversations/create")
@blueprint.arguments(CreateConversationSchema, names_caller="owner_id")
@blueprint.response(200, ConversationSchema)
@announces("newConversation")
@budget("create")
def create_conversation(caller: Caller, body: dict[str, Any]) -> Response:
    """Open a conversation; the listed participants hear `newConversation`.

    It counts as one against `RATE_LIMIT_CREATE`, and each participant as one more.
    """
    spend("create", len(body["participant_ids"]))
    return answer(conversations.create(caller, body["participant_ids"], body["group_name"]))


@blueprint.get("/conversations")
@blueprint.arguments(ListConversationsSchema, location="query")
@blueprint.response(200, MemberConversationSchema(many=True), headers=("Link",))
@budget("default")
def list_conversations(caller: Caller, query: dict[str, Any]) -> Response:
    """List the caller's conversations, most recently active first, each with its newest messages.

    The `Link` header leads to the next page.
    """
    cursor = parse_cursor(query["before"], Time(), Id()) if "before" in query else (None, None)
    message_limit = query.get("message_limit", current_app.config["CHAT"].conversation_messages)
    page = storage.list_conversations(caller, query["limit"], message_limit, *cursor)
    following = page.info["next"]
    return answer_page(page, {"next": {"before": make_cursor(*following.values())} if following else None})
