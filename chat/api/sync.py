"""Sync: everything a client missed, in one call."""

from typing import Any

from flask import Response

from .. import auth
from ..schemas.sync import SyncedSchema, SyncSchema
from ..storage import storage
from .blueprint import Blueprint, answer

blueprint = Blueprint("sync", __name__, description="Everything a client missed.")


@blueprint.post("/sync")
@blueprint.arguments(SyncSchema)
@blueprint.response(200, SyncedSchema)
def sync(body: dict[str, Any]) -> Response:
    """Get what has changed since the versions that the client knows; it changes nothing.

    Unchanged conversations are summaries, changed and unknown ones come whole, left and deleted ones under
    `removed`. `recovered: false`: start that conversation afresh from the messages here.
    """
    return answer(storage.sync(auth.acting(body.get("user_id")), body.get("since", {}), body["limit"]))
