"""What all routes share: how arguments are read, how PostgreSQL's JSON is answered, how the API is described."""

import json
from typing import Any, NoReturn
from urllib.parse import urlencode

import flask
import flask_smorest
import flask_smorest.blueprint
from flask import Response, request
from marshmallow import EXCLUDE, Schema, ValidationError
from marshmallow.fields import Dict
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy

from ..errors import ChatError, MalformedJSON, ValidationFailed, flatten
from ..realtime.presence import presence
from ..schemas.errors import ProblemSchema
from ..storage import Actor, Page

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PROBLEM = "application/problem+json"


class Parser(FlaskParser):
    """Reads arguments: a body as JSON or as a form, unknown fields ignored, every complaint as `ChatError`."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "json": EXCLUDE}

    def load_json(self, req: flask.Request, schema: Schema) -> Any:
        if req.mimetype == FORM:
            if next(iter(req.form), "").startswith("{"):  # curl -d with JSON, which calls everything a form
                raise ChatError(415, "unsupported_media_type", "This is JSON: send `Content-Type: application/json`.")
            return MultiDictProxy(req.form, schema)
        body = req.get_data()
        if not body:
            return {}
        if not req.is_json:
            raise ChatError(415, "unsupported_media_type")
        try:
            return json.loads(body, parse_constant=_no_constant)
        # ValueError: no JSON, no UTF-8, or a number of thousands of digits. RecursionError: nested thousands deep.
        except (ValueError, RecursionError):
            raise MalformedJSON() from None

    def handle_error(self, error: ValidationError, *args: Any, **kwargs: Any) -> NoReturn:
        # {location: {field: [text]}}: the location goes without saying
        raise ValidationFailed(flatten(next(iter(error.messages.values())))) from None  # type: ignore[union-attr]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")  # NaN and Infinity, which Python alone would read


class Blueprint(flask_smorest.blueprint.Blueprint):
    """A blueprint whose routes read their arguments with `Parser`."""

    ARGUMENTS_PARSER = Parser()

    def arguments(self, schema: type[Schema], **options: Any) -> Any:
        """Read the arguments with one instance of `schema`; from a class webargs makes a new one for each request."""
        shared = schema()
        read = super().arguments(shared, **options)
        if options.get("location") == "query" or any(isinstance(field, Dict) for field in shared.fields.values()):
            return read
        # The body is flat: `Parser` takes it as a form too.
        form = self.doc(requestBody={"content": {FORM: {"schema": schema}}})
        return lambda view: read(form(view))

    def response(self, status_code: Any, schema: Any = None, *, content_type: str = JSON, **options: Any) -> Any:
        """Describe an answer, which is JSON where nothing else is said."""
        return super().response(status_code, schema, content_type=content_type, **options)


class Api(flask_smorest.Api):
    """The OpenAPI document, made from the same schemas; errors are described in their one shape."""

    ERROR_SCHEMA = ProblemSchema  # type: ignore[assignment]
    # Of errors, that is: `Blueprint.response` says JSON.
    DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM


def answer(result: str | dict[str, Any]) -> Response:
    """Answer a result; JSON text goes out as it came from PostgreSQL, neither parsed nor written again."""
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    return Response(text, mimetype=JSON)


def answer_page(page: Page, links: dict[str, dict[str, Any] | None]) -> Response:
    """Answer the items of a page with a `Link` (RFC 8288) for each relation that has a query, relative to this one."""
    response = answer(page.items)
    kept = {name: value for name, value in request.args.items() if name in ("user_id", "limit", "message_limit")}
    for relation, query in links.items():
        if query is not None:
            response.headers.add("Link", f'<{request.path}?{urlencode(kept | query)}>; rel="{relation}"')
    return response


def own_sid(actor: Actor) -> str | None:
    """Return the caller's own socket as `X-Socket-ID` names it; another user's, or one that is gone, counts as none."""
    sid = request.headers.get("X-Socket-ID")
    return sid if presence.owns(actor.user_id, sid) else None
