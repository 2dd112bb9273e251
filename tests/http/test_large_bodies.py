"""Bodies of up to a mebibyte that are wrong in every item: little work, and a short answer that repeats none of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from marshmallow import Schema, fields

from chat.schemas import events
from chat.schemas import fields as ours
from chat.schemas.fields import Items, Mapping
from tests.support.answers import problem
from tests.support.catalogue import BODIES
from tests.support.client import Api
from tests.support.raw import RawPolling, RawWebSocket
from tests.support.server import Server

FORM = "application/x-www-form-urlencoded"
#: Bytes of any answer to a body that is refused.
SHORT = 5000
JSON: dict[str, Any] = {"content_type": "application/json"}
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The ids that are looked at."""
    seen: list[Any] = []
    parse_id = ours.parse_id
    monkeypatch.setattr(ours, "parse_id", lambda text: (seen.append(text), parse_id(text))[1])
    return seen


def create(participant_ids: Any) -> dict[str, Any]:
    return {"owner_id": NOBODY, "participant_ids": participant_ids, "group_name": "g"}


@pytest.mark.parametrize("items", [["x"] * 200_000, [0] * 500_000, [NOBODY] * 1001])
def test_a_list_that_is_too_long_is_not_looked_into(client: FlaskClient, parsed: list[Any], items: list[Any]) -> None:
    response = client.post("/conversations/create", data=json.dumps(create(items), separators=(",", ":")), **JSON)
    assert problem(response, 422, "validation_failed")["errors"] == {"participant_ids": ["Longer than 1000 items."]}
    assert len(response.data) < SHORT
    assert len(parsed) < 5


def test_a_map_that_is_too_long_is_not_looked_into(client: FlaskClient, parsed: list[Any]) -> None:
    since = {str(number): "x" for number in range(60_000)}
    response = client.post("/sync", json={"user_id": NOBODY, "since": since})
    assert problem(response, 422, "validation_failed")["errors"] == {"since": ["More than 10000 keys."]}
    assert len(parsed) < 5


def test_looking_stops_at_the_twentieth_error(client: FlaskClient, parsed: list[Any]) -> None:
    good = [NOBODY] * 100
    response = client.post("/conversations/create", json=create(good + ["x"] * 500))
    errors = problem(response, 422, "validation_failed")["errors"]
    assert errors == {f"participant_ids.{number}": ["Not a valid UUID."] for number in range(100, 120)}
    assert len(parsed) < 125
    parsed.clear()
    since = {str(number): "x" for number in range(10_000)}
    response = client.post("/sync", json={"user_id": NOBODY, "since": since})
    errors = problem(response, 422, "validation_failed")["errors"]
    assert len(errors) == 20
    assert {name.split(".")[0] for name in errors} == {"since"}
    assert len(parsed) < 25


def test_an_answer_lists_twenty_errors_whatever_made_them(client: FlaskClient) -> None:
    body = {"participant_ids": ["x"] * 30, "owner_id": "x", "group_name": ""}
    errors = problem(client.post("/conversations/create", json=body), 422, "validation_failed")["errors"]
    assert len(errors) == 20


def test_an_answer_does_not_repeat_what_was_sent(client: FlaskClient) -> None:
    for body in (
        {"user_id": NOBODY, "since": {"k" * 500_000: 1, "\n" * 100_000: 1}},
        {"user_id": "x" * 500_000, "since": {"x": "y" * 400_000}},
        {"user_id": NOBODY, "cursor": "c" * 900_000},
    ):
        response = client.post("/sync", json=body)
        problem(response, 422, "validation_failed")
        assert len(response.data) < SHORT


def test_every_list_and_map_in_a_payload_has_a_bound() -> None:
    schemas: list[Schema] = [payload.schema for payload in BODIES]
    schemas += [events.JoinSchema(), events.SendMessageEventSchema(), events.ReceiptEventSchema()]
    for schema in schemas:
        for name, field in schema.fields.items():
            if isinstance(field, fields.List | fields.Mapping | fields.Nested):
                assert isinstance(field, Items | Mapping), f"{type(schema).__name__}.{name}"


# forms


@pytest.mark.parametrize(
    "body", [b"a&" * 1000, b"username=ann" + b"&" * 1000, b"username=" + b"%ff" * 50_000, b"a=&" * 300_000]
)
def test_a_form_of_too_many_fields_or_bytes_is_not_read(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    def read(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the form was parsed")

    monkeypatch.setattr("werkzeug.formparser.parse_qsl", read)
    for options in {}, {"headers": {"Transfer-Encoding": "chunked"}, "environ_overrides": {"wsgi.input_terminated": 1}}:
        response = client.post("/users/create", data=body, content_type=FORM, **options)
        problem(response, 413, "body_too_large")


def test_a_form_may_be_as_large_as_the_longest_message_in_it(client: FlaskClient, api: Api) -> None:
    ann = api.user("ann")
    conversation = api.conversation(ann)
    form = {"user_id": ann["id"], "message": "😀" * 10_000, "client_id": "😀" * 64}
    sent = client.post(f"/conversations/{conversation['id']}/messages/create", data=form)
    assert sent.json["message"] == form["message"]
    fields = b"username=ann" + b"&a=b" * 999
    assert client.post("/users/create", data=fields, content_type=FORM).status_code == 200


# sockets


@pytest.fixture
def doors(shared_server: Server) -> Iterator[list[RawWebSocket | RawPolling]]:
    with RawWebSocket(shared_server) as socket:
        yield [socket, RawPolling(shared_server)]


@pytest.mark.parametrize(
    ("payload", "count"),
    [
        ({"id": NOBODY, "since": {str(number): "x" for number in range(60_000)}}, 1),
        ({"id": NOBODY, "since": {str(number): "x" for number in range(9_000)}}, 20),
        ({"id": NOBODY, "since": {"k" * 900_000: 1}}, 1),
        ({"id": ["x"] * 100_000}, 1),
    ],
)
def test_payloads_of_events_are_bounded_alike(doors: list[Any], payload: dict[str, Any], count: int) -> None:
    for door in doors:
        error = door.call("join", payload)["error"]
        assert error["code"] == "validation_failed"
        assert len(error["errors"]) == count
        assert len(json.dumps(error)) < SHORT


def test_the_bound_of_a_list_stands_in_the_document(client: FlaskClient) -> None:
    schemas = client.get("/openapi.json").json["components"]["schemas"]
    assert schemas["CreateConversation"]["properties"]["participant_ids"]["maxItems"] == 1000
    assert schemas["Sync"]["properties"]["since"]["maxProperties"] == 10_000
