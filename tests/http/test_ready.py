"""`/ready` asks the database, but not for everyone who calls it."""

import pytest
from flask import Flask

from chat.api import health
from chat.errors import StorageUnavailable


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_the_database_is_asked_at_most_once_a_second(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, asked, is_away = Clock(), [], [False]

    def check_ready() -> None:
        asked.append(clock.now)
        if is_away[0]:
            raise StorageUnavailable()

    monkeypatch.setattr(health, "time", clock)
    monkeypatch.setattr(app.extensions["storage"], "check_ready", check_ready)
    client = app.test_client()
    steps = ((False, 0, 200), (True, 0.9, 200), (True, 0.2, 503), (False, 0.5, 503), (False, 1, 200))
    for away, seconds, status in steps:
        is_away[0] = away
        clock.now += seconds
        assert [client.get("/ready").status_code for _ in range(20)] == [status] * 20
    assert len(asked) == 3
