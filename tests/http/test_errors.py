"""Errors: one shape for all of them, with a code to branch on, a request's id to look for, and no internal text."""

import logging
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Map

from chat.error_codes import CODES
from chat.errors import ChatError, flatten
from tests.support.answers import PROBLEM_FIELDS, problem
from tests.support.client import Api

UNKNOWN = "00000000-0000-4000-8000-000000000000"
USER = "/users/create"


@pytest.fixture
def faulty(make_app: Callable[..., Flask]) -> FlaskClient:
    """A client of an app with routes that fail in every way that is our fault."""
    app = make_app()

    @app.get("/bug")
    def bug() -> str:
        raise RuntimeError("the secret is xyzzy, at /srv/chat/secret.py")

    @app.get("/sql")
    def sql() -> str:
        return str(app.extensions["storage"].call("chat_no_such_function", p_secret="xyzzy"))

    @app.get("/none")
    def none() -> None:
        return None

    return app.test_client()


# one shape


def test_an_unknown_address_is_404(client: FlaskClient, subtests: pytest.Subtests) -> None:
    for path in (
        "/nope",
        "/users",
        "/users/create/",
        "/conversations/",
        "/web/nope.js",
        "/web/..%2f..%2fwsgi.py",
        "/é",
        "/%00",
    ):
        with subtests.test(path=path):
            problem(client.get(path), 404, "not_found")
    problem(client.post("/nope", json={}), 404, "not_found")


def test_the_wrong_method_is_405_and_allow_names_the_right_ones(app: Flask, subtests: pytest.Subtests) -> None:
    client = app.test_client()
    rules: Map = app.url_map
    for rule in rules.iter_rules():
        path = rule.rule.replace("<path:filename>", "index.html").replace("<id:conversation_id>", UNKNOWN)
        allowed = set(rules.bind("").allowed_methods(path))  # `create` could be the id of a conversation
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - allowed:
            with subtests.test(path=path, method=method):
                response = client.open(path, method=method)
                problem(response, 405, "method_not_allowed")
                assert set(response.headers["Allow"].split(", ")) == allowed


def test_a_body_over_1_mib_is_413(client: FlaskClient) -> None:
    at_limit = b'{"username": "ann"}'.ljust(1024 * 1024)
    assert client.post(USER, data=at_limit, content_type="application/json").status_code == 200
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        problem(client.post(USER, data=at_limit + b" ", content_type=kind), 413, "body_too_large")


def test_another_media_type_is_415(client: FlaskClient) -> None:
    for kind in (
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "",
        "x",
    ):
        problem(client.post(USER, data=b'{"username": "ann"}', content_type=kind), 415, "unsupported_media_type")
    for kind in ("application/json", "application/json; charset=utf-8", "APPLICATION/JSON"):
        assert client.post(USER, data=b'{"username": "ann"}', content_type=kind).status_code == 200


def test_a_body_that_is_no_json_is_400(client: FlaskClient) -> None:
    problem(client.post(USER, data=b'{"username": ', content_type="application/json"), 400, "malformed_json")


def test_a_field_that_cannot_be_accepted_is_422_and_errors_names_it(client: FlaskClient) -> None:
    body = problem(client.post(USER, json={}), 422, "validation_failed")
    assert body["errors"] == {"username": ["Missing data for required field."]}
    body = problem(
        client.post("/conversations/create", json={"participant_ids": [UNKNOWN, "x", 1]}), 422, "validation_failed"
    )
    assert body["errors"].keys() == {"group_name", "participant_ids.1", "participant_ids.2"}
    body = problem(client.post("/sync", json={"since": {UNKNOWN: -1, "x": 1}}), 422, "validation_failed")
    assert {name.split(".")[0] for name in body["errors"]} == {"since"}


def test_nested_messages_become_a_flat_list_of_fields() -> None:
    nested = {"a": ["1"], "b": {0: ["2"], 3: {"key": ["3"], "value": ["4"]}}, "c": "5", "d": {"e": {"f": ["6", "7"]}}}
    assert flatten(nested) == {
        "a": ["1"],
        "b.0": ["2"],
        "b.3.key": ["3"],
        "b.3.value": ["4"],
        "c": ["5"],
        "d.e.f": ["6", "7"],
    }
    assert flatten(["whole"]) == {"_schema": ["whole"]}


def test_an_unknown_user_or_conversation_is_404_by_its_noun(api: Api, client: FlaskClient) -> None:
    problem(client.get(f"/unread?user_id={UNKNOWN}"), 404, "user_not_found")
    problem(client.get(f"/conversations/{UNKNOWN}/messages"), 404, "conversation_not_found")


def test_a_token_that_cannot_be_accepted_is_401_and_says_how_to_come(client: FlaskClient) -> None:
    response = client.get("/unread", headers={"Authorization": "Bearer nonsense"})
    problem(response, 401, "token_invalid")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_every_code_has_a_text_for_people() -> None:
    assert all(text.endswith(".") for _, text in CODES.values())
    assert ChatError(418, "teapot").detail


def test_head_of_what_does_not_exist_has_the_status_and_no_body(client: FlaskClient) -> None:
    response = client.head("/nope")
    assert (response.status_code, response.data) == (404, b"")
    assert response.content_type == "application/problem+json"


# our fault


@pytest.mark.parametrize("path", ["/bug", "/sql", "/none"])
def test_a_bug_is_500_and_its_text_stays_in_the_log(
    faulty: FlaskClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.ERROR, "chat"):
        response = faulty.get(path)
    body = problem(response, 500, "internal_error")
    for word in (
        "secret",
        "xyzzy",
        "Error",
        "Traceback",
        "chat_no_such_function",
        "function",
        "select",
        ".py",
        "psycopg",
    ):
        assert word not in response.text.replace("Internal Server Error", "")
    record = caplog.records[-1]
    assert body["request_id"] in record.getMessage()
    assert record.exc_info is not None
    assert faulty.get("/health").status_code == 200


def test_a_bug_is_500_also_where_debugging_is_on(faulty: FlaskClient) -> None:
    faulty.application.debug = True
    problem(faulty.get("/bug"), 500, "internal_error")


# the request's id


def test_a_sane_request_id_is_echoed_and_any_other_replaced(client: FlaskClient, subtests: pytest.Subtests) -> None:
    for sane in ("a", "abc-123_X.y", "0" * 128, UNKNOWN):
        with subtests.test(sane=sane):
            assert client.get("/health", headers={"X-Request-ID": sane}).headers["X-Request-ID"] == sane
    for other in ("", " ", "a b", "0" * 129, "<script>", "a\tb", "é", "a;b", '"', "%0d%0a"):
        with subtests.test(other=other):
            made = client.get("/health", headers={"X-Request-ID": other}).headers["X-Request-ID"]
            assert made != other
            assert len(made) == 36


def test_every_answer_has_a_request_id_of_its_own(client: FlaskClient) -> None:
    answers = [
        client.get("/health"),
        client.get("/nope"),
        client.post(USER, json={}),
        client.put(USER),
        client.options(USER),
    ]
    assert len({answer.headers["X-Request-ID"] for answer in answers}) == len(answers)


def test_the_problem_carries_the_id_that_the_caller_sent(client: FlaskClient) -> None:
    assert problem(client.get("/nope", headers={"X-Request-ID": "mine"}), 404, "not_found")["request_id"] == "mine"
    assert "request_id" in PROBLEM_FIELDS


def test_the_request_is_logged_with_its_id_and_without_its_query(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "chat"):
        client.get("/health?token=secret", headers={"X-Request-ID": "mine"})
    line = caplog.messages[-1]
    assert "GET /health 200" in line
    assert "[mine]" in line
    assert "secret" not in line
