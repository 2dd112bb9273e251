"""Invites: make, list, look at, accept, take back."""

from typing import Any

from flask import Response

from ..actions import invites
from ..auth import Caller
from ..policy import announces, budget, raises
from ..schemas.base import CallerSchema
from ..schemas.conversations import ConversationSchema
from ..schemas.fields import AnyText, Time
from ..schemas.invites import CreateInviteSchema, InviteSchema, ListInvitesSchema, OfferedInviteSchema
from ..storage import storage
from .answers import answer, answer_page
from .blueprint import Blueprint
from .cursors import make_cursor, parse_cursor

blueprint = Blueprint("invites", __name__, description="Make and use links that let people into a conversation.")


@blueprint.post("/conversations/<id:conversation_id>/invites")
@blueprint.arguments(CreateInviteSchema)
@blueprint.response(200, InviteSchema)
@raises("conversation_not_found", "not_allowed")
@budget("default")
def create_invite(caller: Caller, body: dict[str, Any], conversation_id: str) -> Response:
    """Make an invite: the owner and admins may. Whoever has its code can enter."""
    return answer(invites.create(caller, conversation_id, body))


@blueprint.get("/conversations/<id:conversation_id>/invites")
@blueprint.arguments(ListInvitesSchema, location="query")
@blueprint.response(200, InviteSchema(many=True), headers=("Link",))
@raises("conversation_not_found", "not_allowed")
@budget("default")
def list_invites(caller: Caller, query: dict[str, Any], conversation_id: str) -> Response:
    """List the invites that can still be used, the newest first: the owner and admins may.

    The `Link` header leads to the next page.
    """
    before = None
    if "before" in query:
        at, code = parse_cursor(query["before"], Time(), AnyText())
        before = {"at": at, "code": code}
    page = storage.list_invites(caller, conversation_id, query["limit"], before)
    after = page.info["next"]
    return answer_page(page, {"next": {"before": make_cursor(after["at"], after["code"])} if after else None})


@blueprint.get("/invites/<code>")
@blueprint.caller()
@blueprint.response(200, OfferedInviteSchema)
@raises("invite_not_found")
@budget("default")
def get_invite(caller: Caller, code: str) -> Response:
    """Look at an invite: the name of the conversation, and how many its members are."""
    return answer(invites.get(caller, code))


@blueprint.post("/invites/<code>")
@blueprint.arguments(CallerSchema)
@blueprint.response(200, ConversationSchema)
@raises("invite_not_found")
@announces("newConversation", "conversationUpdated", "message")
@budget("default")
def accept_invite(caller: Caller, body: dict[str, Any], code: str) -> Response:
    """Enter the conversation of an invite. A member already: nothing changes, and no use is counted."""
    return answer(invites.accept(caller, code))


@blueprint.delete("/invites/<code>")
@blueprint.caller()
@blueprint.response(200, InviteSchema)
@raises("invite_not_found", "not_allowed")
@budget("default")
def delete_invite(caller: Caller, code: str) -> Response:
    """Take an invite back: whoever made it, the owner and admins may."""
    return answer(invites.delete(caller, code))
