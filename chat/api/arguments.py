"""How a route reads its arguments, and who its caller is."""

import json
from typing import Any, NoReturn

import flask
from flask import request
from marshmallow import EXCLUDE, ValidationError
from marshmallow.fields import Dict
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy

from ..auth import Caller
from ..auth.caller import caller, identity
from ..errors import ChatError, MalformedJSON, ValidationFailed, flatten
from ..realtime.sessions import sessions
from ..schemas.base import ANN_ID, Schema
from ..schemas.fields import Id

FORM = "application/x-www-form-urlencoded"
#: Bytes of a form: the longest message with its emoji percent-encoded fits.
MAX_FORM = 128 << 10
MAX_FORM_FIELDS = 1000


class Parser(FlaskParser):
    """Reads arguments: a body as JSON or as a form, unknown fields ignored. Every error is a `ChatError`."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "json": EXCLUDE}

    def load_json(self, req: flask.Request, schema: Any) -> Any:
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
            return json.loads(body, parse_constant=_refuse_constant)
        # ValueError: no JSON, no UTF-8, or a number of thousands of digits. RecursionError: nested thousands deep.
        except (ValueError, RecursionError):
            raise MalformedJSON() from None

    def handle_error(self, error: ValidationError, *args: Any, **kwargs: Any) -> NoReturn:
        # {location: {field: [text]}}, and there is one location only
        raise ValidationFailed(flatten(next(iter(error.messages.values())))) from None  # type: ignore[union-attr]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")  # NaN and Infinity, which Python alone would read


def is_flat(schema: Schema) -> bool:
    """Whether a form can hold this body: no field of it is an object."""
    return not any(isinstance(field, Dict) for field in schema.fields.values())


def with_caller(schema: type[Schema], field: str | None) -> type[Schema]:
    """Return the schema with the field that names the caller, if there is one."""
    if field is None:
        return schema
    names_caller = Id(
        metadata={"description": "The caller. Needed in open mode only; with a token it is the token's user."}
    )
    return type(schema.__name__, (schema,), {field: names_caller, "example": {field: ANN_ID, **schema.example}})


def find_caller(named: str | None, field: str, required: bool = True) -> Caller | None:
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
