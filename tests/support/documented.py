"""A check of every answer in the tests: an error that a route or an event answers is one that it documents."""

from typing import Any

from flask import Flask, Response, request

from chat.api import openapi
from chat.sockets import receives
from chat.sockets.namespace import ChatNamespace


def undocumented_answers(app: Flask) -> list[str]:
    """Return a list to which the app adds each error that it answers and that the route does not document."""
    found: list[str] = []
    is_open = app.config["CHAT"].auth_mode == "open"

    def check(response: Response) -> Response:
        if request.endpoint and response.status_code >= 400 and response.is_json:
            code = response.get_json()["code"]
            documented = openapi.error_codes(app.view_functions[request.endpoint], is_open)
            if code not in documented:
                found.append(f"{request.endpoint} answers {code}")
        return response

    app.after_request(check)
    return found


def check_acknowledgement(event: str, acknowledgement: Any) -> None:
    """Fail when an event is acknowledged with an error that it does not document."""
    if isinstance(acknowledgement, dict) and "error" in acknowledgement:
        code = acknowledgement["error"]["code"]
        handler = receives.handlers(ChatNamespace).get(event)
        documented = receives.error_codes(handler) if handler else {"event_not_found"}
        assert code in documented, f"{event} is acknowledged with {code}, which it does not document"
