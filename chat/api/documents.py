"""The documents that describe this server, for people and generators."""

from flask import Response, current_app

from ..policy import budget, public
from .answers import answer
from .blueprint import Blueprint

blueprint = Blueprint("documents", __name__, description="Read what this server offers.")


@blueprint.get("/openapi.json")
@blueprint.response(200, {"type": "object"})
@public()
@budget(None)
def openapi() -> Response:
    """Get the HTTP API as an OpenAPI 3.1 document."""
    return answer(current_app.extensions["openapi"]())


@blueprint.get("/asyncapi.json")
@blueprint.response(200, {"type": "object"})
@public()
@budget(None)
def asyncapi() -> Response:
    """Get the events of Socket.IO as an AsyncAPI 3.0 document."""
    return answer(current_app.extensions["asyncapi"]())
