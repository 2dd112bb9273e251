"""How an event comes in: one object, checked by its schema, answered with a result or `{"error": problem}`."""

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import uuid4

from flask import g
from marshmallow import EXCLUDE, Schema, ValidationError

from ..errors import ValidationFailed, flatten, problem, request_id, to_chat_error
from ..policy import policy_of

log = logging.getLogger(__name__)

Handler = Callable[[Any, dict[str, Any]], Any]


def receives(schema: type[Schema]) -> Callable[[Handler], Callable[..., Any]]:
    """Decorate an event handler: it gets the checked payload, and what it raises becomes the acknowledgement."""
    loader = schema(unknown=EXCLUDE)

    def decorate(handler: Handler) -> Callable[..., Any]:
        kind = policy_of(handler).budget

        @wraps(handler)
        def handle(self: Any, *payload: Any) -> Any:
            g.request_id = str(uuid4())
            started_at = time.perf_counter()
            outcome = "ok"
            try:
                if kind:
                    self.spend(kind)
                return handler(self, _load(loader, payload))
            except Exception as error:
                chat_error = to_chat_error(error)
                outcome = chat_error.code
                return {"error": problem(chat_error, request_id())}
            finally:
                took = (time.perf_counter() - started_at) * 1000
                log.info("socket %s %s %.1f ms [%s]", handler.__name__[3:], outcome, took, request_id())

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
