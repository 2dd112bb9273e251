"""The OpenAPI document: every route is in it, and answers as it says."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chat.auth import PUBLIC_ENDPOINTS
from tests.support.client import Api

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    return client.get("/openapi.json").json


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return path, method and operation of everything in the document."""
    methods = ("get", "put", "post", "delete", "patch")
    return [(path, name, item[name]) for path, item in document["paths"].items() for name in methods if name in item]


def references(value: Any) -> set[str]:
    """Return everything that a part of the document refers to."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_every_route_is_in_the_document_and_nothing_else(app: Flask, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(\w+:)?(\w+)>", r"{\2}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in ("static", "api-docs.openapi_json")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, method, _ in operations(document)} == routes


def test_the_document_has_what_openapi_3_asks_for(document: dict[str, Any]) -> None:
    assert re.fullmatch(r"3\.\d\.\d", document["openapi"])
    assert document["info"].keys() >= {"title", "version"}
    known = {tag["name"] for tag in document["tags"]}
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"].endswith((".", "!")), where
        assert set(operation["tags"]) <= known, where
        named = set(re.findall(r"\{(\w+)\}", path))
        parameters = document["paths"][path].get("parameters", []) + operation.get("parameters", [])
        assert {each["name"] for each in parameters if each["in"] == "path"} == named, where
        for each in parameters:
            assert each.keys() >= {"name", "in", "schema"}, where
            assert each["in"] in ("path", "query"), where
            assert each["in"] != "path" or each["required"] is True, where
        assert len({(each["in"], each["name"]) for each in parameters}) == len(parameters), where
        assert "200" in operation["responses"], where
        for response in operation["responses"].values():
            assert response.keys() >= {"description"} or response.keys() == {"$ref"}, where
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert content["schema"], where


def test_every_answer_of_the_document_has_a_schema(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        (kind, content), *_ = operation["responses"]["200"]["content"].items()
        assert kind == ("text/html" if path == "/" else "application/json"), f"{method} {path}"
        assert content["schema"], f"{method} {path}"


def test_every_operation_describes_its_errors_as_problems(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        responses = operation["responses"]
        assert "default" in responses, f"{method} {path}"
        for status in responses.keys() - {"200"}:
            name = responses[status]["$ref"].rpartition("/")[2]
            (content,) = document["components"]["responses"][name]["content"].items()
            assert content == ("application/problem+json", {"schema": {"$ref": "#/components/schemas/Problem"}})


def test_what_needs_no_token_says_so(app: Flask, document: dict[str, Any]) -> None:
    assert document["security"] == [{"bearer": []}]
    assert "bearer" in document["components"]["securitySchemes"]
    without = {operation["tags"][0] for _, _, operation in operations(document) if "security" in operation}
    assert without == {endpoint.split(".")[0] for endpoint in PUBLIC_ENDPOINTS} - {"static", "api-docs"}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = references(document)
    components = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses", "parameters")
        for name in document["components"].get(kind, {})
    }
    assert found <= components


def test_forms_are_documented_where_they_are_accepted(client: FlaskClient, document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]
            assert content.keys() >= {"application/json"}
            if path != "/sync":  # its `since` is an object
                assert content[FORM] == content["application/json"], f"{method} {path}"


def test_the_limits_of_the_contract_are_in_the_document(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    username = schemas["CreateUser"]["properties"]["username"]
    assert (username["minLength"], username["maxLength"]) == (1, 255)
    assert schemas["SendMessage"]["properties"]["message"]["maxLength"] == 10_000
    assert schemas["CreateConversation"]["properties"]["participant_ids"]["maxItems"] == 1000
    assert schemas["CreateConversation"]["required"] == ["group_name", "participant_ids"]
    assert schemas["User"]["properties"]["id"]["format"] == "uuid"
    assert schemas["User"]["properties"]["created_at"]["format"] == "date-time"


def test_answers_have_the_fields_of_the_document_and_no_others(
    client: FlaskClient, api: Api, document: dict[str, Any]
) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    message = api.send(conversation, ann)
    receipt = {"user_id": bob["id"], "read_seq": 1}
    at = f"/conversations/{conversation['id']}"
    answers = {
        "Conversation": conversation,
        "SentMessage": message,
        "User": bob,
        "Message": api.messages(conversation)[0],
        "MemberConversation": api.conversations(ann)[0],
        "Receipt": client.put(f"{at}/receipts", json=receipt).json,
        "Unread": client.get(f"/unread?user_id={ann['id']}").json,
        "Synced": api.sync(ann),
        "Problem": client.post("/users/create", json={}).json,
        "Health": client.get("/health").json,
    }
    schemas = document["components"]["schemas"]
    for name, answer in answers.items():
        optional = {"retry_after"} if name == "Problem" else set()  # only with 429 and 503
        assert answer.keys() | optional == schemas[name]["properties"].keys(), name
        assert answer.keys() >= set(schemas[name].get("required", [])), name
