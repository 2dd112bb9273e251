"""Search of messages."""

from typing import Any

from flask import Response

from ..auth import Caller
from ..policy import budget, raises
from ..schemas.search import FoundMessageSchema, SearchMessagesSchema
from ..storage import storage
from .blueprint import Blueprint
from .lists import answer_list, place_of

blueprint = Blueprint("search", __name__, description="Search messages.")


@blueprint.get("/messages/search")
@blueprint.arguments(SearchMessagesSchema, location="query")
@blueprint.response(200, FoundMessageSchema(many=True), headers=("Link",))
@raises("conversation_not_found")
@budget("default")
def search_messages(caller: Caller, query: dict[str, Any]) -> Response:
    """Search the messages of the caller's conversations, newest first.

    The `Link` header leads to the next page; a page may be short, even empty, and have one: an answer looks at so many
    messages and no more.
    """
    page = storage.search_messages(
        caller,
        query["q"],
        query.get("conversation_id"),
        query.get("author_id"),
        query["limit"],
        *place_of(query),
    )
    return answer_list(page)
