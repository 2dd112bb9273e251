"""What all routes share: how arguments are read, how PostgreSQL's JSON is answered, how the API is described."""

import json
from functools import wraps
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

from ..auth import Caller
from ..auth.caller import caller, identity
from ..errors import CODES, ChatError, MalformedJSON, ValidationFailed, flatten
from ..policy import policy_of
from ..realtime.sessions import sessions
from ..schemas.errors import ProblemSchema
from ..schemas.fields import Id
from ..storage import Page

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PROBLEM = "application/problem+json"
#: Bytes of a form: the longest message with its emoji percent-encoded fits.
MAX_FORM = 128 << 10
MAX_FORM_FIELDS = 1000


class Parser(FlaskParser):
    """Reads arguments: a body as JSON or as a form, unknown fields ignored, every complaint as `ChatError`."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "json": EXCLUDE}

    def load_json(self, req: flask.Request, schema: Schema) -> Any:
        if req.mimetype == FORM:
            form = req.get_data()
            if len(form) > MAX_FORM or form.count(b"&") >= MAX_FORM_FIELDS:  # reading them all is what costs
                raise ChatError(413, "body_too_large", "A form may have 128 KiB and 1,000 fields; JSON may have 1 MiB.")
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
    """A blueprint whose routes read their arguments with `Parser` and answer errors as their policy says."""

    ARGUMENTS_PARSER = Parser()

    def route(self, rule: str, **options: Any) -> Any:
        """Register a view, its policy's errors in the document."""
        register = super().route(rule, **options)

        def decorate(view: Any) -> Any:
            for status, codes in error_codes(view).items():
                view = self.alt_response(
                    status, schema=ProblemSchema, content_type=PROBLEM, description=", ".join(f"`{c}`" for c in codes)
                )(view)
            return register(view)

        return decorate

    def arguments(  # type: ignore[override]
        self,
        schema: type[Schema],
        *,
        location: str = "json",
        names_caller: str | None = "user_id",
        caller_required: bool = True,
    ) -> Any:
        """Read the arguments with `schema` and call the view with `(caller, arguments)`.

        `names_caller` is the field in which the caller says who it is in open mode; with None the view gets the
        arguments alone. Without `caller_required` the caller may be None, in open mode.
        """
        reader = _with_caller(schema, names_caller)()
        read = super().arguments(reader, location=location)
        if location == "json" and not any(isinstance(field, Dict) for field in reader.fields.values()):
            # The body is flat: `Parser` takes it as a form too.
            form = self.doc(requestBody={"content": {FORM: {"schema": reader}}})
        else:
            form = _unchanged

        def decorate(view: Any) -> Any:
            if names_caller is None:
                return read(form(view))

            @wraps(view)
            def with_caller(arguments: dict[str, Any], **path: str) -> Any:
                caller = calling(arguments.pop(names_caller, None), names_caller, caller_required)
                return view(caller, arguments, **path)

            return read(form(with_caller))

        return decorate

    def caller(self) -> Any:
        """Call the view with the caller, whom the query names in open mode."""

        def decorate(view: Any) -> Any:
            @wraps(view)
            def without_arguments(caller: Caller, arguments: dict[str, Any], **path: str) -> Any:
                return view(caller, **path)

            return self.arguments(Schema, location="query")(without_arguments)

        return decorate

    def response(self, status_code: Any, schema: Any = None, *, content_type: str = JSON, **options: Any) -> Any:
        """Describe an answer, which is JSON where nothing else is said."""
        return super().response(status_code, schema, content_type=content_type, **options)


def error_codes(view: Any) -> dict[int, list[str]]:
    """Return the codes that a view answers, by status: those of its policy, its arguments, and of every route."""
    policy = policy_of(view)
    codes = {"internal_error", "storage_unavailable", *policy.codes}
    if not policy.is_public or policy.reads_token:
        codes |= {"token_expired", "token_invalid"}
    if not policy.is_public:
        codes |= {"authentication_required", "user_not_found"}
    if policy.budget:
        codes |= {"rate_limited"}
    for parameters in getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", []):
        codes |= {"validation_failed"}
        codes |= {"malformed_json", "body_too_large", "unsupported_media_type"} if parameters["in"] == "json" else set()
        if not policy.is_public:
            codes |= {"identity_mismatch"}
    by_status: dict[int, list[str]] = {}
    for code, (status, _) in CODES.items():
        if code in codes:
            by_status.setdefault(status, []).append(code)
    return by_status


def calling(named: str | None, field: str, required: bool = True) -> Caller | None:
    """Return the current request's caller, with the socket that `X-Socket-ID` names if it is the caller's own.

    Raises 422 when nobody is named and somebody must be, and what `auth.caller.caller` raises.
    """
    known = caller(named, identity())
    if known is None:
        if required:
            raise ValidationFailed({field: ["Missing data for required field."]})
        return None
    sid = request.headers.get("X-Socket-ID")
    return known._replace(sid=sid) if sessions.owns(known.user_id, sid) else known


def _with_caller(schema: type[Schema], field: str | None) -> type[Schema]:
    if field is None:
        return schema
    says_who = Id(metadata={"description": "The caller. Needed in open mode only."})
    return type(schema.__name__, (schema,), {field: says_who})


def _unchanged(view: Any) -> Any:
    return view


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
