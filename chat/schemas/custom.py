"""The field of the app's own data."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import orjson
from marshmallow import fields

from .fields import described

#: Bytes of an app's own data on one thing, as UTF-8 JSON.
MAX_CUSTOM_BYTES = 4096

#: U+0000 in JSON; a backslash before the `u` that is itself written with one is none.
NULL_CHARACTER = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Custom(fields.Field[dict[str, Any]]):
    """A JSON object of the app's own, up to 4 KiB as UTF-8 JSON without exponents."""

    default_error_messages = {
        "invalid": "Not a valid mapping type.",
        "too_large": "Larger than 4 KiB as JSON.",
        "not_storable": "Must be JSON without U+0000 and halves of surrogate pairs.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**described(kwargs, type="object", description="The app's own data, up to 4 KiB."))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        try:
            text = orjson.dumps(value)
        except (TypeError, ValueError):  # half of a surrogate pair, a number beyond 64 bits, nested too deep
            raise self.make_error("not_storable") from None
        if NULL_CHARACTER.search(text):
            raise self.make_error("not_storable")
        if len(text) > MAX_CUSTOM_BYTES or len(text) + _growth(value) > MAX_CUSTOM_BYTES:
            raise self.make_error("too_large")
        return value


def _growth(value: Any) -> int:
    """Return how much longer numbers become in the database, which writes out 1e300."""
    return sum(len(format(Decimal(repr(number)), "f")) - len(repr(number)) for number in _floats(value))


def _floats(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _floats(inner)
