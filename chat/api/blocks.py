"""Blocks: who wants nothing to do with whom."""

from typing import Any

from flask import Response

from ..actions import blocks
from ..auth import Caller
from ..policy import budget, raises
from ..schemas.base import Schema
from ..schemas.users import BlockSchema, ListBlocksSchema
from ..storage import storage
from .answers import answer
from .blueprint import Blueprint
from .lists import answer_list, place_of

blueprint = Blueprint("blocks", __name__, description="Block users, and list whom one has blocked.")


@blueprint.put("/users/<id:user_id>/block")
@blueprint.arguments(Schema)
@blueprint.response(200, BlockSchema)
@raises("not_allowed")
@budget("default")
def block_user(caller: Caller, body: dict[str, Any], user_id: str) -> Response:
    """Block a user.

    There is no direct conversation with the user then, no message comes through one, neither finds the other or sees
    it type or come online. Groups that both are in go on. No event tells of it.
    """
    return answer(blocks.block(caller, user_id))


@blueprint.delete("/users/<id:user_id>/block")
@blueprint.caller()
@blueprint.response(200, BlockSchema)
@budget("default")
def unblock_user(caller: Caller, user_id: str) -> Response:
    """Take a block back; without one nothing changes."""
    return answer(blocks.unblock(caller, user_id))


@blueprint.get("/blocks")
@blueprint.arguments(ListBlocksSchema, location="query")
@blueprint.response(200, BlockSchema(many=True), headers=("Link",))
@budget("default")
def list_blocks(caller: Caller, query: dict[str, Any]) -> Response:
    """List whom the caller has blocked, the latest first. The `Link` header leads to the next page."""
    return answer_list(storage.list_blocks(caller, query["limit"], *place_of(query)))
