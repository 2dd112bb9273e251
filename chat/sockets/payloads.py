"""How an event comes in: one object, checked by its schema, answered with a result or `{"error": problem}`."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import uuid4

from flask import g
from marshmallow import EXCLUDE, Schema, ValidationError

from ..errors import ValidationFailed, explain, flatten, problem, request_id

Handler = Callable[[Any, dict[str, Any]], Any]


def receives(schema: type[Schema]) -> Callable[[Handler], Callable[..., Any]]:
    """Decorate an event handler: it gets the checked payload, and what it raises becomes the acknowledgement."""
    loader = schema(unknown=EXCLUDE)

    def decorate(handler: Handler) -> Callable[..., Any]:
        @wraps(handler)
        def handle(self: Any, *payload: Any) -> Any:
            g.request_id = str(uuid4())
            try:
                self.spend(handler.__name__)
                return handler(self, _load(loader, payload))
            except Exception as error:
                return {"error": problem(explain(error), request_id())}

        handle.schema = schema  # type: ignore[attr-defined]
        return handle

    return decorate


def _load(loader: Schema, payload: tuple[Any, ...]) -> dict[str, Any]:
    try:
        if len(payload) != 1:
            raise ValidationError("Send exactly one object.")
        return loader.load(payload[0])
    except ValidationError as error:
        raise ValidationFailed(flatten(error.messages)) from None
