"""Pages for people."""

from flask import Response, current_app

from ..policy import budget, public
from .blueprint import Blueprint

blueprint = Blueprint("pages", __name__, description="Pages for people.")


@blueprint.get("/")
@blueprint.response(
    200, {"type": "string"}, content_type="text/html", headers=("ETag", "Accept-Ranges", "Content-Disposition")
)
@public()
@budget(None)
def home() -> Response:
    """Show the front page."""
    return current_app.send_static_file("index.html")
