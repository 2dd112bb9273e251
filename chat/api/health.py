"""For operators: is the process alive, does the database answer."""

from flask import Response

from ..policy import budget, public, raises
from ..schemas.health import HealthSchema
from ..storage import storage
from .answers import answer
from .blueprint import Blueprint

blueprint = Blueprint("health", __name__, description="Check the server's health.")


@blueprint.get("/health")
@blueprint.response(200, HealthSchema)
@public()
@budget(None)
def alive() -> Response:
    """Check that the process is alive."""
    return answer({"status": "ok"})


@blueprint.get("/ready")
@blueprint.response(200, HealthSchema)
@raises("storage_unavailable")
@public()
@budget(None)
def ready() -> Response:
    """Check that the database answers; 503 when it does not."""
    storage.get_schema()
    return answer({"status": "ok"})
