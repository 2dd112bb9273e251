"""Sync: everything a client missed, in one call."""

from typing import Any

from flask import Response

from ..auth import Caller
from ..policy import budget
from ..schemas.sync import SyncedSchema, SyncSchema
from ..storage import storage
from .blueprint import Blueprint, answer

blueprint = Blueprint("sync", __name__, description="Get everything that a client missed.")


@blueprint.post("/sync")
@blueprint.arguments(SyncSchema)
@blueprint.response(200, SyncedSchema)
@budget("default")
def sync(caller: Caller, body: dict[str, Any]) -> Response:
    """Get what has changed since the versions that the client knows, or since a cursor; it changes nothing.

    Unchanged conversations are summaries, changed and unknown ones come whole, left and deleted ones under
    `removed`. `recovered: false`: start that conversation afresh from the messages here. `cursor` in place of `since`
    asks for what changed after this answer; `reset: true` says that the cursor is of no use: start everything afresh.
    """
    return answer(storage.sync(caller, body.get("since", {}), body.get("cursor"), body["limit"]))
