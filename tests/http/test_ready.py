"""`/ready` asks the database at most once a second, whatever the outcome."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from chat.api import health
from chat.app import create_app
from chat.config import Config


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(health, "time", clock)
    return clock


@pytest.fixture
def asked(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[Exception | None]:
    """One entry for each question to the database: what it raised."""
    storage = app.extensions["storage"]
    outcomes: list[Exception | None] = []
    get_schema = storage.get_schema

    def counted(*args: Any) -> Any:
        try:
            answer = get_schema(*args)
        except Exception as error:
            outcomes.append(error)
            raise
        outcomes.append(None)
        return answer

    monkeypatch.setattr(storage, "get_schema", counted)
    return outcomes


def test_the_database_is_asked_once_a_second(app: Flask, asked: list[Any], clock: Clock) -> None:
    client = app.test_client()
    for moment, questions in (1000, 1), (1000.5, 1), (1000.999, 1), (1001, 2), (1001.9, 2), (1500, 3):
        clock.now = moment
        for _ in range(3):
            response = client.get("/ready")
            assert (response.status_code, response.json) == (200, {"status": "ok"})
        assert len(asked) == questions


def test_a_failure_is_remembered_as_long_and_no_longer(
    app: Flask, asked: list[Any], clock: Clock, sql: Callable[..., list[Any]]
) -> None:
    client = app.test_client()
    sql("alter function public.chat_get_schema() rename to away")
    for _ in range(3):
        assert client.get("/ready").json["code"] == "internal_error"
    assert len(asked) == 1
    sql("alter function public.away() rename to chat_get_schema")
    clock.now += 0.9
    assert client.get("/ready").status_code == 500
    clock.now += 0.1
    assert client.get("/ready").status_code == 200
    assert len(asked) == 2


@pytest.fixture
def lost() -> Iterator[Flask]:
    """An app whose database does not answer."""
    settings = {"auth_mode": "open", "log_level": "error", "storage_timeout": 0.5}
    app = create_app(Config(**settings, database_url="postgresql://127.0.0.1:1/nowhere").checked())
    yield app
    app.extensions["storage"].close()


def test_a_database_that_is_away_is_503(lost: Flask) -> None:
    for _ in range(3):
        response = lost.test_client().get("/ready")
        assert (response.status_code, response.json["code"]) == (503, "storage_unavailable")
        assert response.headers["Retry-After"] == "1"


def test_who_asks_at_the_same_moment_waits_for_the_one_question(app: Flask, asked: list[Any], clock: Clock) -> None:
    statuses: list[int] = []
    askers = [
        threading.Thread(target=lambda: statuses.append(app.test_client().get("/ready").status_code)) for _ in range(10)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert statuses == [200] * 10
    assert len(asked) == 1


def test_each_app_asks_its_own_database(app: Flask, lost: Flask) -> None:
    for _ in range(2):
        assert app.test_client().get("/ready").status_code == 200
        assert lost.test_client().get("/ready").status_code == 503
