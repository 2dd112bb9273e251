"""Pages for people."""

from functools import cache
from pathlib import Path

from flask import Response, current_app, request

from ..auth.caller import anyone_may_sign_up
from ..auth.tokens import tokens
from ..policy import budget, public
from .blueprint import Blueprint

blueprint = Blueprint("pages", __name__, description="Pages for people.")


@blueprint.get("/")
@blueprint.response(200, {"type": "string"}, content_type="text/html", headers=("ETag",))
@public()
@budget(None)
def home() -> Response:
    """Show the web client."""
    response = Response(_page(str(current_app.static_folder), _sign_in()), mimetype="text/html")
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


def _sign_in() -> str:
    """Return how one signs in here: `open` (by a name), `own` (a name, for which there is a token), `token`."""
    if current_app.config["CHAT"].auth_mode == "open":
        return "open"
    return "own" if tokens.signs and anyone_may_sign_up() else "token"


@cache
def _page(directory: str, sign_in: str) -> str:
    # An attribute, since the Content-Security-Policy lets no script run that is not a file.
    return (Path(directory) / "index.html").read_text().replace('data-sign-in=""', f'data-sign-in="{sign_in}"')
