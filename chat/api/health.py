"""For operators: is the process alive, does the database answer."""

from flask import Response

from ..policy import budget, public
from ..schemas.health import HealthSchema
from ..storage import storage
from .blueprint import Blueprint, answer

blueprint = Blueprint("health", __name__, description="Check the server's health.")


@blueprint.get("/health")
@blueprint.response(200, HealthSchema)
@public()
@budget(None)
def alive() -> Response:
    """Tell that the process is alive."""
    return answer({"status": "ok"})


@blueprint.get("/ready")
@blueprint.response(200, HealthSchema)
@public()
@budget(None)
def ready() -> Response:
    """Tell that the database answers and takes writes; 503 when it does not."""
    storage.check_ready()
    return answer({"status": "ok"})
