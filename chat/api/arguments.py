"""How a route reads its arguments, and who its caller is."""

import json
from functools import cache
from typing import Any, NoReturn

import orjson
from flask import request
from marshmallow import EXCLUDE, ValidationError
from marshmallow.fields import Dict
from webargs.multidictproxy import MultiDictProxy

from ..auth import Caller
from ..auth.caller import caller, identity
from ..errors import ChatError, MalformedJSON, ValidationFailed, flatten
from ..realtime.sessions import sessions
from ..schemas.base import ANN_ID, Schema
from ..schemas.fields import Id
from .uploads import receive

FORM = "application/x-www-form-urlencoded"
#: Bytes of a form: the longest message with its emoji percent-encoded fits.
MAX_FORM = 128 << 10
MAX_FORM_FIELDS = 1000


def read(schema: Schema, location: str) -> dict[str, Any]:
    """Return the current request's arguments, from its query, its body, or its body with a file.

    Unknown fields are ignored. Raises 422 validation_failed, and for a body 400 malformed_json, 413 body_too_large, 415
    unsupported_media_type; with a file what `uploads.receive` raises.
    """
    if location == "files":
        content: Any = MultiDictProxy(receive(), schema)
    else:
        content = MultiDictProxy(request.args, schema) if location == "query" else _body(schema)
    try:
        arguments: dict[str, Any] = schema.load(content, unknown=EXCLUDE)
    except ValidationError as error:
        raise ValidationFailed(flatten(error.messages)) from None
    return arguments


def _body(schema: Schema) -> Any:
    """Return the body: JSON, or a form that holds the same fields."""
    if request.mimetype == FORM:
        return _form(schema)
    body = request.get_data()
    if not body:
        return {}
    if not request.is_json:
        raise ChatError(415, "unsupported_media_type")
    try:
        return orjson.loads(body)
    except ValueError:  # half a surrogate pair, perhaps, which is JSON all the same
        return _parse_slowly(body)


def _parse_slowly(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    # ValueError: no JSON, no UTF-8, or a number of thousands of digits. RecursionError: nested thousands deep.
    except (ValueError, RecursionError):
        raise MalformedJSON() from None


def _form(schema: Schema) -> Any:
    form = request.get_data()
    if len(form) > MAX_FORM or form.count(b"&") >= MAX_FORM_FIELDS:  # reading them all is what costs
        raise ChatError(413, "body_too_large", "A form may have 128 KiB and 1,000 fields; JSON may have 1 MiB.")
    if next(iter(request.form), "").startswith("{"):  # curl -d with JSON, which calls everything a form
        raise ChatError(415, "unsupported_media_type", "This is JSON: send `Content-Type: application/json`.")
    return MultiDictProxy(request.form, schema)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")  # NaN and Infinity, which Python alone would read


def is_flat(schema: Schema) -> bool:
    """Whether a form can hold this body: no field of it is an object."""
    return not any(isinstance(field, Dict) for field in schema.fields.values())


@cache
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
