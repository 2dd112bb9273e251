"""For operators: is the process alive, does the database answer."""

from flask import Response

from ..schemas.health import HealthSchema
from ..storage import storage
from .blueprint import Blueprint, answer

blueprint = Blueprint("health", __name__, description="For operators.")


@blueprint.get("/health")
@blueprint.doc(security=[])
@blueprint.response(200, HealthSchema)
def alive() -> Response:
    """Tell that the process is alive."""
    return answer({"status": "ok"})


@blueprint.get("/ready")
@blueprint.doc(security=[])
@blueprint.response(200, HealthSchema)
def ready() -> Response:
    """Tell that the database answers; 503 when it does not."""
    storage.schema_version()
    return answer({"status": "ok"})
