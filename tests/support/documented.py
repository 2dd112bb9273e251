"""A check of every answer in the tests: an error that a route or an event answers is one that it documents."""

from typing import Any

from flask import Flask, Response, current_app, request

from chat.api import openapi
from chat.sockets import receives
from chat.sockets.namespace import ChatNamespace


def check_answers(app: Flask) -> None:
    """Let every answer of the app fail the test when its code is not documented for its route."""
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.after_request(_check)


def _check(response: Response) -> Response:
    if request.endpoint and response.status_code >= 400 and response.is_json:
        is_open = current_app.config["CHAT"].auth_mode == "open"
        documented = openapi.error_codes(current_app.view_functions[request.endpoint], is_open)
        code = response.get_json()["code"]
        assert code in documented, f"{request.endpoint} answers {code}, which it does not document"
    return response


def check_acknowledgement(event: str, acknowledgement: Any) -> None:
    """Fail when an event is acknowledged with an error that it does not document."""
    if isinstance(acknowledgement, dict) and "error" in acknowledgement:
        code = acknowledgement["error"]["code"]
        handler = receives.handlers(ChatNamespace).get(event)
        documented = receives.error_codes(handler) if handler else {"event_not_found"}
        assert code in documented, f"{event} is acknowledged with {code}, which it does not document"
