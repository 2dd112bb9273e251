"""The connections of the API driver: few for many callers, none waits for ever, and nothing is sent twice."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chat.errors import StorageUnavailable
from chat.storage.supabase import SupabaseStorage
from tests.support.gateway import Gateway, storage_on
from tests.support.postgrest import PostgrestStandIn


@pytest.fixture
def database_url(make_database: Callable[..., str]) -> str:
    """The URL of a database without the product's schema."""
    return make_database("template1")


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The URL of something that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_nothing_waits_longer_than_the_time_out(silent_url: str) -> None:
    storage = storage_on(silent_url, storage_pool_size=1, storage_timeout=0.5)

    def wait(_: int) -> float:
        begin = time.monotonic()
        with pytest.raises(StorageUnavailable):
            storage.call("as_it_is", p_value=1)
        return time.monotonic() - begin

    with ThreadPoolExecutor(3) as threads:
        assert all(0.4 < seconds < 1 for seconds in threads.map(wait, range(3)))


@pytest.mark.usefixtures("scratch")
def test_waiting_for_a_connection_is_part_of_the_time(postgrest: PostgrestStandIn) -> None:
    storage = storage_on(postgrest.url, postgrest.service_role_key, storage_pool_size=1, storage_timeout=0.8)
    with ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(storage.call, "slow", p_seconds=0.5) for _ in range(2)]
    assert sorted(type(call.exception()) is StorageUnavailable for call in calls) == [False, True]


def test_a_kept_connection_that_was_closed_is_replaced(gateway: Gateway) -> None:
    gateway.says("200 OK", "application/json", "1")
    storage = storage_on(gateway.url)
    for _ in range(3):
        assert storage.call("as_it_is", p_value=1) == 1
        time.sleep(0.05)
    assert gateway.requests == 3


def test_a_request_that_broke_off_is_not_sent_again(gateway: Gateway) -> None:
    with pytest.raises(StorageUnavailable):
        storage_on(gateway.url).call("as_it_is", p_value=1)
    assert gateway.requests == 1


def test_the_project_goes_away_and_comes_back(postgrest: PostgrestStandIn, scratch: SupabaseStorage) -> None:
    assert scratch.call("as_it_is", p_value=1) == 1
    postgrest.stop()
    with pytest.raises(StorageUnavailable):
        scratch.call("as_it_is", p_value=1)
    postgrest.start()
    assert scratch.call("as_it_is", p_value=2) == 2


def test_closed_twice_and_called_after(scratch: SupabaseStorage) -> None:
    scratch.close()
    scratch.close()
    with pytest.raises(StorageUnavailable):
        scratch.call("as_it_is", p_value=1)


def test_many_callers_share_few_connections(scratch: SupabaseStorage) -> None:
    with ThreadPoolExecutor(32) as threads:
        backends = list(threads.map(lambda _: scratch.call("slow", p_seconds=0.01), range(96)))
    assert len(set(backends)) <= 4


GREEN = """
import sys, time, warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", r"\\s*Eventlet is deprecated")
import eventlet
eventlet.monkey_patch()
import logging
logging.basicConfig(level=logging.INFO)
from chat.config import Config
from chat.errors import StorageUnavailable
from chat.storage.supabase import SupabaseStorage

def storage(url, key, **settings):
    return SupabaseStorage(Config(supabase_project_url=url, supabase_service_role_key=key, **settings))

def drip(connection, _):
    for byte in b"HTTP/1.1 200 OK\\r\\n" * 10:
        connection.sendall(bytes([byte]))
        eventlet.sleep(0.1)

url, key = sys.argv[1:]
scratch = storage(url, key, storage_pool_size=4)
scratch.open()
callers = eventlet.GreenPool(32)
begin = time.monotonic()
backends = set(callers.imap(lambda _: scratch.call("slow", p_seconds=0.1), range(32)))
assert 0.8 <= time.monotonic() - begin < 2.4, "calls run beside each other, four at a time"
assert len(backends) == 4
scratch.close()

listener = eventlet.listen(("127.0.0.1", 0))
eventlet.spawn_n(eventlet.serve, listener, drip)
slow = storage(f"http://127.0.0.1:{listener.getsockname()[1]}", key, storage_timeout=0.5)
begin = time.monotonic()
try:
    slow.call("as_it_is", p_value=1)
except StorageUnavailable:
    print("green", time.monotonic() - begin < 1)
"""


@pytest.mark.usefixtures("scratch")
def test_under_eventlet(postgrest: PostgrestStandIn) -> None:
    run = subprocess.run(
        [sys.executable, "-c", GREEN, postgrest.url, postgrest.service_role_key],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.stdout, run.stderr) == ("green True\n", "")
