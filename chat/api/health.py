"""For operators: is the process alive, does the database answer; and the front page."""

from pathlib import Path

from flask import Response, send_from_directory

from ..schemas.health import HealthSchema
from ..storage import storage
from .blueprint import Blueprint, answer

WEB = Path(__file__).parents[1] / "web"

blueprint = Blueprint("health", __name__, description="For operators.")


@blueprint.get("/")
@blueprint.response(200, {"type": "string"}, content_type="text/html")
def home() -> Response:
    """Show the front page."""
    return send_from_directory(WEB, "index.html")


@blueprint.get("/health")
@blueprint.response(200, HealthSchema)
def alive() -> Response:
    """Tell that the process is alive."""
    return answer({"status": "ok"})


@blueprint.get("/ready")
@blueprint.response(200, HealthSchema)
def ready() -> Response:
    """Tell that the database answers; 503 when it does not."""
    storage.schema_version()
    return answer({"status": "ok"})
