"""The OpenAPI document: every route is in it, and answers as it says."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import RAISE
from openapi_spec_validator import validate

from chat.api.answers import HEADERS
from chat.api.openapi import arguments_of, error_codes, response_schema
from chat.error_codes import CODES, by_status
from chat.policy import policy_of
from chat.schemas.base import Schema
from tests.support.catalogue import ROUTES
from tests.support.identity import SECRET, bearer
from tests.support.json_schema import closed, errors, lookup, references
from tests.support.world import World

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
PROBLEM = "application/problem+json"
#: Served routes that are no operations: files.
FILES = {"static"}

Document = dict[str, Any]


@pytest.fixture
def document(client: FlaskClient) -> Document:
    return client.get("/openapi.json").json


@pytest.fixture
def token_client(make_app: Callable[..., Flask]) -> FlaskClient:
    """A client of a server in token mode, where each kind of request has a limit."""
    return make_app(auth_mode="token", jwt_secret=SECRET).test_client()


def operations(document: Document) -> dict[str, Document]:
    """Return the operations of the document by their ids."""
    found = [operation for path in document["paths"].values() for name, operation in path.items() if name in METHODS]
    by_id = {operation["operationId"]: operation for operation in found}
    assert len(by_id) == len(found)
    return by_id


METHODS = ("get", "put", "post", "delete", "patch")


def views(app: Flask) -> dict[str, Any]:
    """Return the views of the operations by their ids."""
    return {name.rpartition(".")[2]: view for name, view in app.view_functions.items() if name not in FILES}


def parameters(document: Document, operation: Document) -> list[Document]:
    """Return the parameters of an operation, references followed."""
    found = operation.get("parameters", [])
    return [lookup(document, each["$ref"]) if "$ref" in each else each for each in found]


@pytest.mark.parametrize("auth_mode", ["open", "token"])
def test_the_document_is_valid(make_app: Callable[..., Flask], auth_mode: str) -> None:
    document = make_app(auth_mode=auth_mode, jwt_secret=SECRET).test_client().get("/openapi.json").json
    assert document["openapi"] == "3.1.0"
    validate(document)
    for reference in references(document):
        assert lookup(document, reference), reference


def test_every_route_is_in_the_document_and_nothing_else(app: Flask, document: Document) -> None:
    routes = {
        (re.sub(r"<(\w+:)?(\w+)>", r"{\2}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in FILES
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(path, name) for path, item in document["paths"].items() for name in item if name in METHODS} == routes
    assert operations(document).keys() == views(app).keys()


def test_every_operation_is_described(document: Document) -> None:
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert all(text.endswith(".") for text in tags.values())
    for name, operation in operations(document).items():
        assert operation["summary"].endswith("."), name
        assert set(operation["tags"]) <= tags.keys(), name
        for parameter in parameters(document, operation):
            assert parameter["in"] in ("path", "query", "header"), name


def test_the_errors_of_an_operation_are_those_of_its_policy_each_with_its_text(app: Flask, document: Document) -> None:
    strict = closed(document)
    for name, operation in operations(document).items():
        expected = by_status(error_codes(views(app)[name], is_open=True))
        documented = {int(status): body for status, body in operation["responses"].items() if status.isdigit()}
        assert documented.keys() - {206, 304} == {200} | expected.keys(), name
        for status, codes in expected.items():
            content = documented[status]["content"][PROBLEM]
            assert lookup(content, "schema/allOf")[1]["properties"]["code"]["enum"] == codes
            assert list(content["examples"]) == codes
            for code in codes:
                example = lookup(document, content["examples"][code]["$ref"])["value"]
                assert (example["code"], example["status"]) == (code, status)
                assert example["detail"] == CODES[code][1]
                assert CODES[code][1] in documented[status]["description"]
                assert errors(strict, content["schema"], example) == []


@pytest.mark.parametrize("auth_mode", ["open", "token"])
def test_the_document_says_which_operations_need_a_token(make_app: Callable[..., Flask], auth_mode: str) -> None:
    """A call without a token is served, or refused, as the document says."""
    app = make_app(auth_mode=auth_mode, jwt_secret=SECRET)
    document = app.test_client().get("/openapi.json").json
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document["security"] == ([{}, {"bearer": []}] if auth_mode == "open" else [{"bearer": []}])
    by_id = operations(document)
    needs_token = {name for name, each in by_id.items() if each["security"] == [{"bearer": []}]}
    ignores_token = {name for name, each in by_id.items() if each["security"] == []}
    refused = set()
    for route in ROUTES:
        content = {
            "user_id": "00000000-0000-4000-8000-000000000000",
            "owner_id": "00000000-0000-4000-8000-000000000000",
        }
        kind = "query_string" if route.location == "query" else "json"
        path = re.sub("<[^>]*>", "00000000-0000-4000-8000-000000000000", route.path)
        with app.test_client().open(path, method=route.method, **{kind: content}) as response:
            if response.status_code == 401:
                refused.add(route.endpoint.rpartition(".")[2])
    assert needs_token == refused
    assert ignores_token == {
        "home",
        "docs",
        "events",
        "document",
        "llms",
        "openapi",
        "asyncapi",
        "alive",
        "ready",
        "get_vapid_key",
    }
    assert by_id["create_user"]["security"] == [{}, {"bearer": []}]


def test_unknown_fields_are_not_refused_by_the_document(document: Document) -> None:
    def walk(value: Any) -> None:
        if isinstance(value, dict):
            assert value.get("additionalProperties") is not False
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(document)


def test_forms_are_documented_where_they_are_accepted(document: Document) -> None:
    for name, operation in operations(document).items():
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]
            if name == "upload_attachment":
                assert content.keys() == {"multipart/form-data"}
            elif name in ("sync", "put_device"):  # a field of it is an object
                assert content.keys() == {JSON}
            else:
                assert content[FORM] == content[JSON], name


def test_the_limits_of_the_contract_are_in_the_document(document: Document) -> None:
    schemas = document["components"]["schemas"]
    username = schemas["CreateUser"]["properties"]["username"]
    assert (username["minLength"], username["maxLength"]) == (1, 255)
    assert schemas["SendMessage"]["properties"]["message"]["maxLength"] == 10_000
    assert schemas["SendMessage"]["properties"]["client_id"]["type"] == ["string", "null"]
    assert schemas["CreateConversation"]["properties"]["participant_ids"]["maxItems"] == 1000
    assert schemas["CreateConversation"]["required"] == ["group_name", "participant_ids"]
    assert schemas["Sync"]["properties"]["since"]["maxProperties"] == 10_000
    assert schemas["User"]["properties"]["id"]["format"] == "uuid"
    assert schemas["User"]["properties"]["created_at"]["format"] == "date-time"


def test_routes_that_announce_an_event_take_the_callers_socket(app: Flask, document: Document) -> None:
    announcing = {name for name, view in views(app).items() if policy_of(view).announces}
    taking = {
        name
        for name, operation in operations(document).items()
        if any(each["name"] == "X-Socket-ID" for each in parameters(document, operation))
    }
    changes = {"edit_message", "delete_message", "add_reaction", "remove_reaction", "pin_message", "unpin_message"}
    others = {"create_conversation", "erase_user", "send_message", "update_receipt"}
    assert taking == announcing >= others | changes


# examples


def test_every_operation_has_an_example_of_each_request_and_answer_that_its_schema_accepts(
    app: Flask, document: Document
) -> None:
    strict = closed(document)
    for name, operation in operations(document).items():
        view = views(app)[name]
        for schema, location in arguments_of(view):
            assert schema.example, name
            if location == "files":  # whose example cannot hold the file
                assert schema.validate(schema.example).keys() == {"file"}
                continue
            schema.load(schema.example, unknown=RAISE)
            if location == "json":
                for media_type in operation["requestBody"]["content"].values():
                    assert media_type["example"] == schema.example
                    assert errors(strict, media_type["schema"], media_type["example"]) == [], name
            else:
                shown = {each["name"]: each for each in parameters(document, operation) if "example" in each}
                assert schema.example.items() <= {key: each["example"] for key, each in shown.items()}.items()
                for each in shown.values():
                    assert errors(document, each["schema"], each["example"]) == [], name
        answer = response_schema(view)
        if isinstance(answer, Schema):
            media_type = operation["responses"]["200"]["content"][JSON]
            assert media_type["example"], name
            assert errors(strict, media_type["schema"], media_type["example"]) == [], name
            answer.load(media_type["example"], unknown=RAISE)


# what is answered


def test_every_route_answers_as_the_document_says(
    token_client: FlaskClient, sql: Callable[..., list[Any]], subtests: pytest.Subtests
) -> None:
    """The answer fits the schema, has no other field, and has the headers of the document and no others of ours."""
    document = token_client.get("/openapi.json").json
    strict = closed(document)
    world = World(token_client, sql)
    for route in ROUTES:
        if route.endpoint in FILES:
            continue
        with subtests.test(route=str(route)):
            documented = operations(document)[route.endpoint.rpartition(".")[2]]["responses"]["200"]
            caller = "dan" if route.endpoint == "users.erase_user" else "ann"
            response = route.send(world, route.example(world), headers=bearer(world.tokens[caller]))
            if route.endpoint == "tokens.revoke_tokens":
                world.tokens["ann"] = response.json["access_token"]
            assert response.status_code == 200, response.text
            assert response.mimetype in documented["content"] or "*/*" in documented["content"]
            if response.is_json:
                assert errors(strict, documented["content"][JSON]["schema"], response.json) == []
            assert set(HEADERS) & set(response.headers.keys()) <= documented["headers"].keys()
            assert documented["headers"].keys() - {"Link"} <= set(response.headers.keys())


def test_errors_have_the_headers_of_the_document(document: Document) -> None:
    for name, operation in operations(document).items():
        for status, response in operation["responses"].items():
            if status == "default":
                continue
            headers = response["headers"].keys()
            assert "X-Request-ID" in headers, name
            assert ("Retry-After" in headers) == (status in ("429", "503")), name


def test_every_documented_header_is_used(document: Document) -> None:
    used = {each.rpartition("/")[2] for each in references(document["paths"]) if "/headers/" in each}
    assert used == set(HEADERS) == document["components"]["headers"].keys()
