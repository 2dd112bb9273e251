"""Pages for people."""

from flask import Response, current_app

from .blueprint import Blueprint

blueprint = Blueprint("pages", __name__, description="Pages for people.")


@blueprint.get("/")
@blueprint.doc(security=[])
@blueprint.response(200, {"type": "string"}, content_type="text/html")
def home() -> Response:
    """Show the front page."""
    return current_app.send_static_file("index.html")
