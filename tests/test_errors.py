"""Errors: one shape for all of them, with a code to branch on, a request's id to look for, and no internal text."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Map

from chat.errors import ChatError, DETAILS, flatten
from tests.answers import PROBLEM_FIELDS, problem
from tests.client import Api
from tests.server import free_port

UNKNOWN = "00000000-0000-4000-8000-000000000000"
USER = "/users/create"


@pytest.fixture
def faulty(make_app: Callable[..., Flask]) -> FlaskClient:
    """A client of an app with routes that fail in every way that is our fault."""
    app = make_app()

    @app.get("/bug")
    def bug() -> str:
        raise RuntimeError("the secret is 42, at /srv/chat/secret.py")

    @app.get("/sql")
    def sql() -> str:
        return str(app.extensions["storage"].call("chat_no_such_function", p_secret=42))

    @app.get("/none")
    def none() -> None:
        return None

    return app.test_client()


# one shape


def test_an_unknown_address_is_404(client: FlaskClient) -> None:
    for path in (
        "/nope",
        "/users",
        "/users/create/",
        "/conversations/",
        "/web/nope.js",
        "/é",
        "/%00",
        "/web/..%2f..%2fwsgi.py",
    ):
        for method in ("GET", "POST", "DELETE"):
            if (path, method) != ("/web/nope.js", "GET"):
                response = client.open(path, method=method)
                assert response.status_code in (404, 405), (method, path)
                problem(response, response.status_code, response.json["code"])
    problem(client.get("/nope"), 404, "not_found")
    problem(client.get("/web/nope.js"), 404, "not_found")


def test_the_wrong_method_is_405_and_allow_names_the_right_ones(app: Flask, subtests: pytest.Subtests) -> None:
    client = app.test_client()
    rules: Map = app.url_map
    for rule in rules.iter_rules():
        path = rule.rule.replace("<path:filename>", "index.html").replace("<id:conversation_id>", UNKNOWN)
        allowed = {method for each in rules.iter_rules() if each.rule == rule.rule for method in each.methods or ()}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - allowed:
            with subtests.test(path=path, method=method):
                response = client.open(path, method=method)
                problem(response, 405, "method_not_allowed")
                assert set(response.headers["Allow"].split(", ")) == allowed


def test_a_body_over_1_mib_is_413(client: FlaskClient) -> None:
    at_limit = b'{"username": "ann", "padding": "%s"}' % (b"x" * (1024 * 1024 - 35))
    assert len(at_limit) == 1024 * 1024
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
    assert all(text.endswith(".") for text in DETAILS.values())
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
    for word in ("secret", "42", "Error", "Traceback", "chat_no_such_function", "function", "select", ".py", "psycopg"):
        assert word not in response.text.replace("Internal Server Error", "")
    record = caplog.records[-1]
    assert body["request_id"] in record.getMessage()
    assert record.exc_info is not None
    assert faulty.get("/health").status_code == 200


def test_a_bug_is_500_also_where_debugging_is_on(faulty: FlaskClient) -> None:
    faulty.application.debug = True
    problem(faulty.get("/bug"), 500, "internal_error")


# the database is away


@pytest.fixture
def away(make_app: Callable[..., Flask], database_url: str, cluster: str) -> Iterator[Callable[[bool], FlaskClient]]:
    """A function that lets the database go away, or come back, and returns a client of the app on it."""
    client = make_app(storage_timeout=1).test_client()

    def let(go: bool) -> FlaskClient:
        with psycopg.connect(cluster, autocommit=True) as connection:
            name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
            connection.execute(f"alter database {name} allow_connections {not go}")
            if go:
                connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
        return client

    yield let
    let(False)


def requests() -> list[tuple[str, str, dict[str, Any] | None]]:
    """Return one request for each route that needs the database."""
    conversation = f"/conversations/{UNKNOWN}"
    return [
        ("GET", "/ready", None),
        ("POST", "/users/create", {"username": "ann"}),
        ("GET", f"/users/search?user_id={UNKNOWN}", None),
        ("POST", "/conversations/create", {"owner_id": UNKNOWN, "participant_ids": [], "group_name": "g"}),
        ("GET", f"/conversations?user_id={UNKNOWN}", None),
        ("GET", f"{conversation}/messages", None),
        ("POST", f"{conversation}/messages/create", {"user_id": UNKNOWN, "message": "m"}),
        ("PUT", f"{conversation}/receipts", {"user_id": UNKNOWN, "read_seq": 1}),
        ("POST", "/sync", {"user_id": UNKNOWN}),
    ]


def test_without_the_database_every_route_is_503_and_says_when_to_try_again(
    away: Callable[[bool], FlaskClient], subtests: pytest.Subtests
) -> None:
    client = away(True)
    for method, path, body in requests():
        with subtests.test(path=path):
            response = client.open(path, method=method, json=body)
            problem(response, 503, "storage_unavailable")
            assert int(response.headers["Retry-After"]) > 0
            assert "psycopg" not in response.text
    assert client.get("/health").status_code == 200


def test_the_database_comes_back_and_the_server_works_again(away: Callable[[bool], FlaskClient]) -> None:
    assert away(False).post(USER, json={"username": "before"}).status_code == 200
    problem(away(True).post(USER, json={"username": "meanwhile"}), 503, "storage_unavailable")
    client = away(False)
    user = Api(client).user("after")
    found = client.get(f"/users/search?user_id={user['id']}").json
    assert [each["username"] for each in found] == ["before"]


def test_nothing_listens_at_the_address_of_the_database(database_url: str, make_app: Callable[..., Flask]) -> None:
    app = make_app(storage_timeout=1)
    storage = app.extensions["storage"]
    storage.close()
    from chat.config import Config
    from chat.storage.postgres import PostgresStorage

    app.extensions["storage"] = PostgresStorage(Config(storage_timeout=1), f"postgresql://127.0.0.1:{free_port()}/x")
    app.extensions["storage"]._pool.open()
    problem(app.test_client().get("/ready"), 503, "storage_unavailable")


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


def test_the_request_is_logged_with_its_id(make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture) -> None:
    client = make_app(log_level="info").test_client()
    with caplog.at_level(logging.INFO, "chat"):
        client.get("/health?token=secret", headers={"X-Request-ID": "mine"})
    line = caplog.messages[-1]
    assert "GET /health 200" in line
    assert "[mine]" in line
    assert "secret" not in line
