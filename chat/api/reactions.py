"""Reactions: add, remove, list."""

from typing import Any

from flask import Response
from marshmallow import ValidationError

from ..actions import reactions
from ..auth import Caller
from ..errors import ValidationFailed, flatten
from ..policy import announces, budget, raises
from ..schemas.messages import MessageSchema
from ..schemas.reactions import Emoji, ListReactionsSchema, ReactorSchema, ReactSchema
from ..storage import storage
from .answers import answer
from .blueprint import Blueprint
from .lists import answer_list, place_of

blueprint = Blueprint("reactions", __name__, description="React to messages.")


@blueprint.put("/messages/<id:message_id>/reactions/<emoji>")
@blueprint.arguments(ReactSchema)
@blueprint.response(200, MessageSchema)
@raises("message_not_found", "blocked", "frozen", "too_many_reactions")
@announces("reaction", "messageUpdated")
@budget("send")
def add_reaction(caller: Caller, body: dict[str, Any], message_id: str, emoji: str) -> Response:
    """React with an emoji or an app's own `:name:`; the members hear `reaction`. A second time nothing changes.

    A message has 20 kinds of reactions at most. Of more than ten changes in a second the members hear `messageUpdated`.
    """
    return answer(reactions.add(caller, message_id, _checked(emoji)))


@blueprint.delete("/messages/<id:message_id>/reactions/<emoji>")
@blueprint.caller()
@blueprint.response(200, MessageSchema)
@raises("message_not_found")
@announces("reaction", "messageUpdated")
@budget("send")
def remove_reaction(caller: Caller, message_id: str, emoji: str) -> Response:
    """Take a reaction back; the members hear `reaction`. Without the reaction nothing changes."""
    return answer(reactions.remove(caller, message_id, _checked(emoji)))


@blueprint.get("/messages/<id:message_id>/reactions")
@blueprint.arguments(ListReactionsSchema, location="query")
@blueprint.response(200, ReactorSchema(many=True), headers=("Link",))
@raises("message_not_found")
@budget("default")
def list_reactions(caller: Caller, query: dict[str, Any], message_id: str) -> Response:
    """List who reacted to a message, with one emoji or with any, the newest first. `Link` leads to the next page."""
    page = storage.list_reactions(caller, message_id, query.get("emoji"), query["limit"], *place_of(query))
    return answer_list(page)


def _checked(emoji: str) -> str:
    """Return the emoji in a path. Raises 422 for what is none."""
    try:
        checked: str = Emoji().deserialize(emoji)
    except ValidationError as error:
        raise ValidationFailed(flatten({"emoji": error.messages})) from None
    return checked
