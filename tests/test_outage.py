"""The database is away: 503 with `Retry-After`, and all is well again when it comes back."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from chat.app import create_app
from chat.config import Config
from tests.answers import problem
from tests.client import Api
from tests.server import free_port

UNKNOWN = "00000000-0000-4000-8000-000000000000"
USER = "/users/create"


@pytest.fixture
def away(make_app: Callable[..., Flask], database_url: str, cluster: str) -> Iterator[Callable[[bool], FlaskClient]]:
    """A function that lets the database go away, or come back, and returns a client of the app on it."""
    client = make_app(storage_timeout=0.3).test_client()

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
    deadline = time.monotonic() + 20
    while client.get("/ready").status_code != 200:
        assert time.monotonic() < deadline
    user = Api(client).user("after")
    found = client.get(f"/users/search?user_id={user['id']}").json
    assert [each["username"] for each in found] == ["before"]


def test_an_app_whose_storage_was_not_opened_is_503() -> None:
    config = Config(auth_mode="open", database_url=f"postgresql://127.0.0.1:{free_port()}/nothing").checked()
    client = create_app(config).test_client()
    problem(client.get("/ready"), 503, "storage_unavailable")
    assert client.get("/health").status_code == 200
