"""The AsyncAPI document: every event is in it, and it is valid by the official schema."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from flask import Flask
from flask.testing import FlaskClient

from chat.error_codes import CODES
from chat.policy import policy_of
from chat.realtime.events import EVENTS
from chat.sockets import receives
from chat.sockets.namespace import ChatNamespace
from tests.support.identity import SECRET
from tests.support.json_schema import closed, errors, lookup, references
from tests.support.node import DIRECTORY, needs_node

HANDLERS = receives.handlers(ChatNamespace)

Document = dict[str, Any]


@pytest.fixture
def document(client: FlaskClient) -> Document:
    return client.get("/asyncapi.json").json


def codes_of(document: Document, message: str) -> set[str]:
    """Return the codes of the problems among a message's examples."""
    examples = [each["payload"] for each in document["components"]["messages"][message]["examples"]]
    problems = [each.get("error") or each.get("data") for each in examples]
    return {each["code"] for each in problems if each}


@needs_node
@pytest.mark.parametrize("auth_mode", ["open", "token"])
def test_the_document_is_valid(npm: None, make_app: Callable[..., Flask], auth_mode: str) -> None:
    document = make_app(auth_mode=auth_mode, jwt_secret=SECRET).test_client().get("/asyncapi.json").json
    official = json.loads((DIRECTORY / "node_modules/@asyncapi/specs/schemas/3.0.0.json").read_text())
    assert document["asyncapi"] == "3.0.0"
    validator = jsonschema.validators.validator_for(official)(official)
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)] == []
    validator.validate(document)
    assert list(validator.iter_errors({**document, "operations": {"x": {"action": "hear"}}}))


def test_every_reference_leads_somewhere(document: Document) -> None:
    for reference in references(document):
        assert lookup(document, reference), reference


def test_every_event_is_in_the_document_and_nothing_else(document: Document) -> None:
    sent = {f"server.{name}" for name in EVENTS}
    received = {f"client.{name}" for name in [*HANDLERS, "connect"]}
    assert document["operations"].keys() == sent | received
    for name, operation in document["operations"].items():
        assert operation["action"] == ("send" if name in sent else "receive")
        assert ("reply" in operation) == (name in received)
        assert operation["summary"].endswith("."), name


def test_every_event_has_the_schema_of_the_code(document: Document) -> None:
    messages = document["components"]["messages"]
    for name, event in EVENTS.items():
        properties = lookup(document, messages[f"server.{name}"]["payload"]["$ref"])["properties"]
        assert properties.keys() == event.schema().fields.keys()
        assert messages[f"server.{name}"]["name"] == name
    for name, handler in HANDLERS.items():
        properties = lookup(document, messages[f"client.{name}"]["payload"]["$ref"])["properties"]
        assert properties.keys() == handler.schema().fields.keys()
        result, _ = messages[f"client.{name}.acknowledgement"]["payload"]["oneOf"]
        assert lookup(document, result["$ref"])["properties"].keys() == handler.acknowledges.fields.keys()


def test_the_errors_of_an_acknowledgement_are_those_of_the_events_policy(document: Document) -> None:
    for name, handler in HANDLERS.items():
        assert codes_of(document, f"client.{name}.acknowledgement") == receives.error_codes(handler)
        _, failure = document["components"]["messages"][f"client.{name}.acknowledgement"]["payload"]["oneOf"]
        enum = failure["properties"]["error"]["allOf"][1]["properties"]["code"]["enum"]
        assert set(enum) == receives.error_codes(handler)
        assert set(enum) <= CODES.keys()
    assert codes_of(document, "client.connect.answer") == policy_of(ChatNamespace.on_connect).error_codes


def test_every_example_fits_its_schema(document: Document) -> None:
    strict = closed(document)
    for name, message in document["components"]["messages"].items():
        assert message["examples"], name
        for example in message["examples"]:
            assert errors(strict, message["payload"], example["payload"]) == [], name


def test_unknown_fields_are_not_refused_by_the_document(document: Document) -> None:
    assert '"additionalProperties": false' not in json.dumps(document)


def test_the_server_needs_a_token_in_token_mode_only(document: Document, make_app: Callable[..., Flask]) -> None:
    assert "security" not in document["servers"]["chat"]
    closed_one = make_app(auth_mode="token", jwt_secret=SECRET).test_client().get("/asyncapi.json").json
    (scheme,) = closed_one["servers"]["chat"]["security"]
    assert lookup(closed_one, scheme["$ref"])["scheme"] == "bearer"
