"""How a client event is handled: its payload is checked, and acknowledged with a result or `{"error": problem}`."""

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from marshmallow import EXCLUDE, ValidationError

from ..errors import ValidationFailed, flatten, problem, request_id, to_chat_error
from ..policy import policy_of
from ..schemas.base import Schema

log = logging.getLogger(__name__)

Handler = Callable[[Any, dict[str, Any]], dict[str, Any]]


def receives(schema: type[Schema], *, acknowledges: Schema) -> Callable[[Handler], Callable[..., Any]]:
    """Make a method the handler of an event: it gets the checked payload and returns the acknowledgement.

    The event counts against the budget of the handler's policy. What the handler raises is acknowledged as a problem.
    `acknowledges` describes the result for the document.
    """
    loader = schema(unknown=EXCLUDE)

    def decorate(handler: Handler) -> Callable[..., Any]:
        event, budget = handler.__name__.removeprefix("on_"), policy_of(handler).budget

        @wraps(handler)
        def handle(namespace: Any, *payload: Any) -> dict[str, Any]:
            started_at = time.perf_counter()
            outcome = "ok"
            try:
                namespace.spend(budget)
                return handler(namespace, _load(loader, payload))
            except Exception as error:
                chat_error = to_chat_error(error)
                outcome = chat_error.code
                return {"error": problem(chat_error, request_id())}
            finally:
                if log.isEnabledFor(logging.INFO):
                    took = (time.perf_counter() - started_at) * 1000
                    log.info("socket %s %s %.1f ms [%s]", event, outcome, took, request_id())

        handle.schema, handle.acknowledges = schema, acknowledges  # type: ignore[attr-defined]
        return handle

    return decorate


def handlers(namespace: type) -> dict[str, Any]:
    """Return the handlers of the events that a namespace receives, by event."""
    methods = {name.removeprefix("on_"): method for name, method in vars(namespace).items() if name.startswith("on_")}
    return {event: method for event, method in methods.items() if hasattr(method, "schema")}


def error_codes(handler: Any) -> set[str]:
    """Return the codes that a handler may acknowledge: those of its policy and of its payload."""
    return policy_of(handler).error_codes | {"validation_failed"}


def _load(loader: Schema, payload: tuple[Any, ...]) -> dict[str, Any]:
    try:
        if len(payload) != 1:
            raise ValidationError("Send exactly one object.")
        return loader.load(payload[0])
    except ValidationError as error:
        raise ValidationFailed(flatten(error.messages)) from None
