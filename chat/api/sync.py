"""Sync: everything a client missed, in one call."""

from typing import Any

from flask import Response

from ..actions.sync import lane
from ..auth import Caller
from ..policy import budget
from ..schemas.sync import SyncedSchema, SyncSchema
from ..storage import storage
from .answers import answer
from .blueprint import Blueprint

blueprint = Blueprint("sync", __name__, description="Get everything that a client missed.")


@blueprint.post("/sync")
@blueprint.arguments(SyncSchema)
@blueprint.response(200, SyncedSchema)
@budget("default")
def sync(caller: Caller, body: dict[str, Any]) -> Response:
    """Get what has changed since the versions that the client knows, or since a cursor; it changes nothing.

    Unchanged conversations are summaries, changed and unknown ones come whole, left and deleted ones are in `removed`.
    `recovered: false`: drop that conversation and start it with the messages here. `cursor` instead of `since` asks for
    what changed after the answer that gave it; `reset: true`: the cursor cannot be used, drop everything.
    """
    with lane:
        return answer(storage.sync(caller, body.get("since", {}), body.get("cursor"), body["limit"]))
