"""The errors of the product and the one shape in which clients see them (RFC 9457).

Every layer raises `ChatError`; `problem()` is the only place that turns one into the object that
HTTP answers carry as `application/problem+json` and Socket.IO acknowledgements as `{"error": …}`.
"""

import json
import logging
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import uuid4

from flask import Flask, Response, g, has_request_context, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.http import HTTP_STATUS_CODES

from .error_codes import CODES

log = logging.getLogger(__name__)

SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,128}")

#: Field errors in one answer.
MAX_FIELD_ERRORS = 20
#: Characters of a field's name in an answer.
LONGEST_FIELD = 100

#: Codes for the statuses that Flask and Werkzeug answer by themselves; others are the status phrase in snake_case.
HTTP_CODES = {404: "not_found", 413: "body_too_large"}


class StartupError(Exception):
    """The server cannot start. The text is one sentence for the operator; the process ends with code 1."""


class ConfigError(StartupError):
    """A setting is missing or cannot be used."""


class ChatError(Exception):
    """A request that cannot be served: HTTP `status`, stable `code`, text for people."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str | None = None,
        *,
        errors: dict[str, list[str]] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail or (CODES[code][1] if code in CODES else HTTP_STATUS_CODES[status])
        self.errors = errors
        self.retry_after = retry_after
        self.headers: dict[str, str] = {}


class MalformedJSON(ChatError):
    """400: the body is no JSON."""

    def __init__(self) -> None:
        super().__init__(400, "malformed_json")


class Unauthorized(ChatError):
    """401: the caller is not known; `code` says why."""

    def __init__(self, code: str = "authentication_required", detail: str | None = None) -> None:
        super().__init__(401, code, detail)


class Forbidden(ChatError):
    """403: the caller is known and may not do this."""

    def __init__(self, code: str = "not_allowed", detail: str | None = None) -> None:
        super().__init__(403, code, detail)


class NotFound(ChatError):
    """404: `<noun>_not_found`, also for what exists and the caller may not see."""

    def __init__(self, noun: str) -> None:
        super().__init__(404, f"{noun}_not_found")


class ValidationFailed(ChatError):
    """422: `errors` maps each field to texts that say why it cannot be accepted."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(422, "validation_failed", errors=errors)


class TooManyRequests(ChatError):
    """429: a limit is reached; `retry_after` is how many seconds to wait."""

    def __init__(self, code: str = "rate_limited", *, retry_after: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(429, code, retry_after=retry_after)
        self.headers = headers or {}


class StorageUnavailable(ChatError):
    """503: the database cannot be reached or did not answer in time."""

    def __init__(self) -> None:
        super().__init__(503, "storage_unavailable", retry_after=1)


class StorageReadOnly(StorageUnavailable):
    """503: the database takes no writes: its disk is full, or it is a standby. Only an operator can mend that."""


class StorageFault(Exception):
    """The database answered with an error that is not one of our rules: a bug, logged and answered with 500."""


def problem(error: ChatError, request_id: str) -> dict[str, Any]:
    """Return the problem object of `error`: type, title, status, detail, code, request_id.

    With 422 also `errors`, with 429 and 503 `retry_after` in seconds.
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTP_STATUS_CODES[error.status],
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
    }
    if error.errors is not None:
        body["errors"] = error.errors
    if error.retry_after is not None:
        body["retry_after"] = error.retry_after
    return body


def request_id() -> str:
    """Return the id of the current request: the caller's `X-Request-ID` when it is sane, else a new one."""
    if "request_id" not in g:
        given = request.headers.get("X-Request-ID", "") if has_request_context() else ""  # events have none
        g.request_id = given if SANE_REQUEST_ID.fullmatch(given) else str(uuid4())
    return g.request_id


def to_chat_error(error: Exception) -> ChatError:
    """Return the error that clients see for any exception; one that is our fault is logged with its traceback."""
    if isinstance(error, ChatError):
        if error.status >= 500:
            log.warning("%s [%s] %s", error.code, request_id(), error.__cause__ or "")
        return error
    if isinstance(error, HTTPException) and error.code and error.code < 500:
        return ChatError(error.code, HTTP_CODES.get(error.code) or _snake_case(HTTP_STATUS_CODES[error.code]))
    log.error("internal error [%s]", request_id(), exc_info=error)
    return ChatError(500, "internal_error")


def init_app(app: Flask) -> None:
    """Answer every error of `app` as `application/problem+json`, those of the router included."""

    def answer(error: Exception) -> Response:
        chat_error = to_chat_error(error)
        body = json.dumps(problem(chat_error, request_id()))
        response = Response(body, chat_error.status, mimetype="application/problem+json")
        if chat_error.retry_after is not None:
            response.headers["Retry-After"] = str(chat_error.retry_after)
        response.headers.update(chat_error.headers)
        if chat_error.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(error.valid_methods)
        return response

    app.register_error_handler(HTTPException, answer)
    app.register_error_handler(Exception, answer)


def flatten(messages: Any) -> dict[str, list[str]]:
    """Return marshmallow's nested messages as `{field: [text, …]}`, fields inside others as `outer.inner`.

    The first MAX_FIELD_ERRORS of them, and no name at any length: a client chose the names of keys.
    """
    return dict(islice(_flat(messages, ""), MAX_FIELD_ERRORS))


def _flat(messages: Any, path: str) -> Iterator[tuple[str, list[str]]]:
    if isinstance(messages, str):
        messages = [messages]
    if isinstance(messages, list) and all(isinstance(each, str) for each in messages):
        yield path[:LONGEST_FIELD] or "_schema", messages
        return
    for key, inner in messages.items() if isinstance(messages, dict) else enumerate(messages):
        yield from _flat(inner, f"{path}.{key}" if path else str(key))


def _snake_case(phrase: str) -> str:
    return phrase.lower().replace(" ", "_").replace("-", "_")
