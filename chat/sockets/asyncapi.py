"""The AsyncAPI document: made from the catalogue of server events and the handlers of client events."""

import inspect
from typing import Any

from apispec import APISpec

from .. import __version__
from ..config import Config
from ..error_codes import by_status
from ..policy import policy_of
from ..realtime.events import EVENTS, Event
from ..schemas.base import Schema
from ..schemas.events import HandshakeSchema
from ..schemas.json_schema import OPENAPI_VERSION, SchemaPlugin, example_problem, problem_with
from .namespace import ChatNamespace
from .receives import error_codes, handlers

CHANNEL = {"$ref": "#/channels/default"}
DESCRIPTION = """\
Events of Socket.IO 4 (protocol 5), in the namespace `/`, over WebSocket or long polling.

An acknowledgement is the result, or `{error: problem}`; an event that does not exist is acknowledged with
`event_not_found`. Server events are hints and the database is the log: `POST /sync` brings whatever was missed."""

TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "`auth: {token}` in the handshake, or the header `Authorization: Bearer <token>`.",
}


class Document:
    """An AsyncAPI document that grows by operations."""

    def __init__(self) -> None:
        self._schemas = SchemaPlugin()
        self._spec = APISpec("", "", OPENAPI_VERSION, [self._schemas])
        self.messages: dict[str, Any] = {}
        self.operations: dict[str, Any] = {}

    def add_server_event(self, event: Event) -> None:
        """Add what clients hear."""
        message = self._message(f"server.{event.name}", event.name, event.summary, event.schema(), event.schema.example)
        self._operation(f"server.{event.name}", "send", event.summary, message)

    def add_client_event(self, name: str, handler: Any) -> None:
        """Add what clients send, and its acknowledgement."""
        summary, _, description = (inspect.getdoc(handler) or "").partition("\n\n")
        announces = [f"Members hear `{event}`." for event in policy_of(handler).announces]
        message = self._message(f"client.{name}", name, summary, handler.schema(), handler.schema.example)
        acknowledgement = self._answer(
            f"client.{name}.acknowledgement",
            f"The acknowledgement of `{name}`.",
            {"oneOf": [self.reference(handler.acknowledges), _error(problem_with(_sorted(error_codes(handler))))]},
            [
                handler.acknowledges.example,
                *({"error": example_problem(code)} for code in _sorted(error_codes(handler))),
            ],
        )
        text = " ".join([description, *announces]).strip()
        self._operation(f"client.{name}", "receive", summary, message, acknowledgement, text)

    def add_handshake(self, handler: Any) -> None:
        """Add the handshake: Socket.IO's `connect` packet, answered with `connect` or `connect_error`."""
        summary = (inspect.getdoc(handler) or "").partition("\n\n")[0]
        codes = _sorted(policy_of(handler).error_codes)
        accepted = {"type": "object", "required": ["sid"], "properties": {"sid": {"type": "string"}}}
        refused = {
            "type": "object",
            "required": ["message", "data"],
            "properties": {"message": {"enum": codes}, "data": problem_with(codes)},
        }
        message = self._message("client.connect", "connect", summary, HandshakeSchema(), HandshakeSchema.example)
        answer = self._answer(
            "client.connect.answer",
            "The answer to the handshake: the session's id, or the data of `connect_error`.",
            {"oneOf": [accepted, refused]},
            [{"sid": "6PQVjKnQUIZUNJ_tAAAB"}, *({"message": code, "data": example_problem(code)} for code in codes)],
        )
        self._operation("client.connect", "receive", summary, message, answer)

    def reference(self, schema: Schema) -> Any:
        """Return the JSON Schema of a schema; it becomes a component of the document."""
        assert self._schemas.converter
        return self._schemas.converter.resolve_nested_schema(schema)

    @property
    def schemas(self) -> dict[str, Any]:
        return self._spec.components.schemas

    def _message(self, key: str, name: str, summary: str, schema: Schema, example: Any) -> str:
        payload = self.reference(schema)
        self.messages[key] = {"name": name, "summary": summary, "payload": payload, "examples": [{"payload": example}]}
        return key

    def _answer(self, key: str, summary: str, payload: dict[str, Any], examples: list[Any]) -> str:
        shown = [{"payload": example} for example in examples]
        self.messages[key] = {"summary": summary, "payload": payload, "examples": shown}
        return key

    def _operation(
        self, key: str, action: str, summary: str, message: str, reply: str | None = None, description: str = ""
    ) -> None:
        operation: dict[str, Any] = {"action": action, "channel": CHANNEL, "summary": summary}
        if description:
            operation["description"] = description
        operation["messages"] = [_in_channel(message)]
        if reply:
            operation["reply"] = {"channel": CHANNEL, "messages": [_in_channel(reply)]}
        self.operations[key] = operation


def document(config: Config) -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of a server with these settings."""
    made = Document()
    made.add_handshake(ChatNamespace.on_connect)
    for name, handler in handlers(ChatNamespace).items():
        made.add_client_event(name, handler)
    for event in EVENTS.values():
        made.add_server_event(event)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Chat", "version": __version__, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {"chat": _server(config)},
        "channels": {
            "default": {
                "address": "/",
                "title": "The default namespace",
                "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in made.messages},
            }
        },
        "operations": made.operations,
        "components": {
            "messages": made.messages,
            "schemas": made.schemas,
            "securitySchemes": {"token": TOKEN},
        },
    }


def _server(config: Config) -> dict[str, Any]:
    server: dict[str, Any] = {
        "host": "{host}",
        "pathname": "/socket.io/",
        "protocol": "ws",
        "description": "Socket.IO 4, protocol 5; wss behind a proxy that speaks TLS.",
        "variables": {"host": {"default": f"{config.host}:{config.port}", "description": "This server's address."}},
    }
    if config.auth_mode == "token":
        server["security"] = [{"$ref": "#/components/securitySchemes/token"}]
    return server


def _error(problem: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": ["error"], "properties": {"error": problem}}


def _in_channel(message: str) -> dict[str, str]:
    return {"$ref": f"#/channels/default/messages/{message}"}


def _sorted(codes: set[str]) -> list[str]:
    return [code for grouped in by_status(codes).values() for code in grouped]
