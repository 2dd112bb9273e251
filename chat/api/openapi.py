"""The OpenAPI document: flask-smorest makes it from the routes' schemas, this module adds what their policies say."""

import json
from typing import Any

import flask_smorest
from apispec import APISpec, BasePlugin
from flask import Flask
from werkzeug.routing import Rule

from .. import __version__
from ..error_codes import CODES, by_status
from ..policy import Policy, policy_of
from ..schemas.base import CONVERSATION_ID, Schema
from ..schemas.errors import ProblemSchema
from ..schemas.json_schema import OPENAPI_VERSION, SchemaPlugin, example_problem, problem_with
from .answers import HEADERS, JSON, header_references
from .arguments import FORM, is_flat
from .blueprint import Blueprint
from .uploads import MULTIPART

PROBLEM = "application/problem+json"
BEARER: dict[str, list[str]] = {"bearer": []}
RATE_LIMIT_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")

SOCKET_ID = {
    "description": "The id of one of the caller's sockets. Only this socket does not hear the event then. Without the "
    "header no socket of the caller hears `message`.",
    "schema": {"type": "string"},
    "example": "6PQVjKnQUIZUNJ_tAAAB",
}


class Api(flask_smorest.Api):
    """The document of an app's blueprints."""

    ERROR_SCHEMA = ProblemSchema  # type: ignore[assignment]
    # Of errors, that is: `Blueprint.response` says JSON.
    DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM

    def __init__(self, app: Flask, id_converter: type) -> None:
        options = {
            "title": "Chat",
            "version": __version__,
            "openapi_version": OPENAPI_VERSION,
            "marshmallow_plugin": SchemaPlugin(),
            "extra_plugins": [PolicyPlugin(app)],
            "security": _security(Policy(), _is_open(app)),
            "servers": [{"url": "/"}],
        }
        super().__init__(app, spec_kwargs=options)
        self._blueprints: list[Blueprint] = []
        id_schema = {"type": "string", "format": "uuid", "examples": [CONVERSATION_ID]}
        self.register_converter(id_converter, lambda _: id_schema)

    def register_blueprint(self, blueprint: Blueprint) -> None:  # type: ignore[override]
        """Add the routes of a blueprint to the app. `describe` describes them, which takes longer."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blueprint.name] = self
        self._app.register_blueprint(blueprint)
        self._blueprints.append(blueprint)

    def describe(self) -> str:
        """Return the document, as JSON. Works once."""
        for each in self._blueprints:
            each.register_views_in_doc(self, self._app, self.spec, name=each.name, parameters=None)
            self.spec.tag({"name": each.name, "description": each.description})
        return json.dumps(self.spec.to_dict())

    def _register_pagination_header(self) -> None:
        """Leave out flask-smorest's own header for pages, which this API does not use."""


class PolicyPlugin(BasePlugin):
    """Describes of each operation: its id, its security, its errors, its headers, and examples."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def init_spec(self, spec: APISpec) -> None:
        for name, (description, example) in HEADERS.items():
            header = {"description": description, "schema": {"type": "string"}, "example": example}
            spec.components.header(name, header)
        for code in CODES:
            spec.components.example(code, {"summary": CODES[code][1], "value": example_problem(code)})
        spec.components.parameter("X-Socket-ID", "header", SOCKET_ID)
        spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})

    def operation_helper(self, path: str | None = None, operations: Any = None, **kwargs: Any) -> None:
        rule: Rule = kwargs["rule"]
        view, is_open = self._app.view_functions[rule.endpoint], _is_open(self._app)
        for operation in operations.values():
            operation["operationId"] = rule.endpoint.rpartition(".")[2]
            _describe_request(operation, view)
            _describe_policy(operation, view, is_open)
            _describe_responses(operation, view, is_open)


def error_codes(view: Any, is_open: bool) -> set[str]:
    """Return the codes that a view answers in open or in token mode: those of its policy, its arguments, and HTTP."""
    policy = policy_of(view)
    codes = policy.error_codes
    if is_open:
        codes |= {"host_not_allowed", "origin_not_allowed"}
    if policy.reads_token:
        codes |= {"token_expired"}
    for _, location in arguments_of(view):
        codes |= {"validation_failed"}
        if location == "json":
            codes |= {"malformed_json", "body_too_large", "unsupported_media_type"}
        elif location == "files":
            codes |= {"malformed_request", "body_too_slow", "body_too_large", "unsupported_media_type"}
        if not policy.is_public:
            codes |= {"identity_mismatch"}
    return codes


def arguments_of(view: Any) -> list[tuple[Schema, str]]:
    """Return the schemas of a view's arguments, each with its location: `json`, `files` or `query`."""
    noted = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", [])
    return [(each["schema"], each["in"]) for each in noted]


def response_schema(view: Any) -> Any:
    """Return the schema of a view's answer: an instance of `Schema`, or a JSON Schema."""
    return view._apidoc["response"]["responses"][200][0]["schema"]


def _is_open(app: Flask) -> bool:
    return app.config["CHAT"].auth_mode == "open"


def _security(policy: Policy, is_open: bool) -> list[dict[str, list[str]]]:
    if policy.needs_token:
        return [BEARER]
    if policy.is_public and not policy.reads_token:
        return []
    return [{}, BEARER] if policy.is_public or is_open else [BEARER]


def _describe_policy(operation: dict[str, Any], view: Any, is_open: bool) -> None:
    policy = policy_of(view)
    operation["security"] = _security(policy, is_open)
    if policy.announces:
        operation.setdefault("parameters", []).append("X-Socket-ID")


def _describe_request(operation: dict[str, Any], view: Any) -> None:
    for schema, location in arguments_of(view):
        if location == "json":
            content = operation["requestBody"]["content"]
            content[JSON]["example"] = schema.example
            if is_flat(schema):  # which `Parser` takes as a form too
                content[FORM] = content[JSON]
        elif location == "files":
            operation["requestBody"]["content"][MULTIPART]["example"] = schema.example
        else:
            for parameter in operation["parameters"]:
                if isinstance(parameter, dict) and parameter.get("name") in schema.example:
                    parameter["example"] = schema.example[parameter["name"]]


def _describe_responses(operation: dict[str, Any], view: Any, is_open: bool) -> None:
    policy = policy_of(view)
    schema = response_schema(view)
    for media_type in operation["responses"][200]["content"].values():
        if isinstance(schema, Schema):
            media_type["example"] = [schema.example] if schema.many else schema.example
    for status, codes in by_status(error_codes(view, is_open)).items():
        operation["responses"][status] = _error_response(codes)
    for status, response in operation["responses"].items():
        if status == "default":
            continue
        names = ["X-Request-ID", *(RATE_LIMIT_HEADERS if policy.budget else ())]
        if status in (429, 503):
            names.append("Retry-After")
        if status == 416:
            names.append("Content-Range")
        response["headers"] = header_references(names) | response.get("headers", {})


def _error_response(codes: list[str]) -> dict[str, Any]:
    return {
        "description": " ".join(f"`{code}`: {CODES[code][1]}" for code in codes),
        "content": {
            PROBLEM: {
                "schema": problem_with(codes),
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
            }
        },
    }
