"""The API driver: supabase-py over HTTP, what its errors become, and what it does when the other side misbehaves."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import psycopg
import pytest

from chat.config import Config
from chat.errors import ChatError, ConfigError, StartupError, StorageFault, StorageUnavailable
from chat.storage.base import SCHEMA_VERSION
from chat.storage.supabase import SupabaseStorage
from tests.postgrest import PostgrestStandIn

SCRATCH = """
    create function chat_schema_version() returns json language sql as 'select to_json(1)';
    create function as_it_is(p_value json) returns json language sql as 'select p_value';
    create function nothing() returns void language sql as '';
    create function slow(p_seconds float8) returns json language plpgsql as $$
        begin perform pg_sleep(p_seconds); return to_json(pg_backend_pid()); end $$;
    create function fail(p_code text) returns json language plpgsql as $$
        begin raise exception using errcode = p_code, message = 'user_not_found', detail = 'Gone.'; end $$;
    create function secret() returns json language sql as 'select to_json(1)';
    revoke all on function secret() from public, service_role;
"""


@pytest.fixture
def scratch_url(make_database: Callable[..., str]) -> str:
    return make_database("template1")


@pytest.fixture
def api(scratch_url: str) -> Iterator[PostgrestStandIn]:
    """A stand-in on a database that holds nothing but SCRATCH."""
    with PostgrestStandIn(scratch_url, statement_timeout="2s") as api:
        with psycopg.connect(scratch_url, autocommit=True) as connection:
            connection.execute(SCRATCH)
        yield api


@pytest.fixture
def connect() -> Iterator[Callable[..., SupabaseStorage]]:
    """A function that returns a storage on a URL; settings are keyword arguments."""
    storages = []

    def connect(url: str, key: str = "sb_secret_test", **settings: Any) -> SupabaseStorage:
        storage = SupabaseStorage(Config(supabase_project_url=url, supabase_service_role_key=key, **settings))
        storages.append(storage)
        return storage

    yield connect
    for storage in storages:
        storage.close()


@pytest.fixture
def scratch(api: PostgrestStandIn, connect: Callable[..., SupabaseStorage]) -> SupabaseStorage:
    return connect(api.url, api.service_role_key, storage_pool_size=4, storage_timeout=5)


class Gateway:
    """What may stand in front of PostgREST: for each connection it reads one request, sends `answer` and hangs up."""

    def __init__(self) -> None:
        self.answer = b""
        self.requests = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def says(self, status: str, content_type: str, body: str) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.answer = (head + body).encode()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                size = 0
                while (line := stream.readline().lower()) not in (b"\r\n", b""):
                    if line.startswith(b"content-length:"):
                        size = int(line.partition(b":")[2])
                stream.read(size)
                self.requests += 1
                connection.sendall(self.answer)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    yield gateway
    gateway.close()


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The URL of something that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


# results and errors


def test_results_are_the_text_of_postgresql(scratch: SupabaseStorage) -> None:
    value = {"name": "Zoë 😀", "list": [1, None, 1.5]}
    assert scratch.call("as_it_is", p_value=value) == value
    assert scratch.call_text("as_it_is", p_value=value) == '{"name":"Zoë 😀","list":[1,null,1.5]}'
    assert scratch.call_text("as_it_is", p_value=None) == "null"
    assert scratch.call("nothing") is None


def test_rules_become_chat_errors(scratch: SupabaseStorage) -> None:
    with pytest.raises(ChatError) as caught:
        scratch.call("fail", p_code="PT404")
    assert (caught.value.status, caught.value.code, caught.value.detail) == (404, "user_not_found", "Gone.")
    with pytest.raises(ChatError) as caught:
        scratch.call("fail", p_code="PT401")
    assert caught.value.status == 401


@pytest.mark.parametrize("code", ["57014", "53300", "40001", "57P01", "08006"])
def test_passing_troubles_are_unavailable(scratch: SupabaseStorage, code: str) -> None:
    with pytest.raises(StorageUnavailable):
        scratch.call("fail", p_code=code)


def test_bugs_are_faults(scratch: SupabaseStorage) -> None:
    for function, arguments in (("fail", {"p_code": "P0001"}), ("unknown", {}), ("fail", {}), ("secret", {})):
        with pytest.raises(StorageFault):
            scratch.call(function, **arguments)


def test_a_statement_timeout_is_unavailable(scratch: SupabaseStorage) -> None:
    with pytest.raises(StorageUnavailable):
        scratch.call("slow", p_seconds=4)


@pytest.mark.parametrize(
    ("status", "content_type", "body", "error"),
    [
        ("502 Bad Gateway", "text/html", "<html>", StorageUnavailable),
        ("503 Service Unavailable", "text/html", "<html>", StorageUnavailable),
        ("504 Gateway Timeout", "text/plain", "", StorageUnavailable),
        ("500 Internal Server Error", "text/html", "<html>", StorageUnavailable),
        ("521 Down", "application/json", '{"title": "Web server is down", "status": 521}', StorageUnavailable),
        ("540 Paused", "application/json", '{"message": "paused"}', StorageUnavailable),
        ("429 Too Many Requests", "application/json", '{"message": "slow down"}', StorageUnavailable),
        ("503 Service Unavailable", "application/json", '{"code": "PGRST001", "message": "m"}', StorageUnavailable),
        ("504 Gateway Timeout", "application/json", '{"code": "PGRST003", "message": "m"}', StorageUnavailable),
        ("200 OK", "text/html", "<html>", StorageFault),
        ("404 Not Found", "text/html", "<html>", StorageFault),
        ("301 Moved Permanently", "text/html", "", StorageFault),
        ("401 Unauthorized", "application/json", '{"message": "Invalid API key"}', StorageFault),
        ("400 Bad Request", "application/json", "[1]", StorageFault),
    ],
)
def test_what_a_gateway_says(
    gateway: Gateway, connect: Callable[..., SupabaseStorage], status: str, content_type: str, body: str, error: type
) -> None:
    gateway.says(status, content_type, body)
    with pytest.raises(error):
        connect(gateway.url).call("as_it_is", p_value=1)


# starting


def refusal(storage: SupabaseStorage) -> str:
    """Return the sentence with which the server would not start."""
    with pytest.raises(StartupError) as caught:
        storage.open()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_open_and_migrate_with_the_right_schema(scratch: SupabaseStorage) -> None:
    scratch.open()
    assert "up to date" in scratch.migrate()


@pytest.mark.parametrize(
    ("version", "words"), [(SCHEMA_VERSION - 1, "paste migrations.sql"), (SCHEMA_VERSION + 1, "newer release")]
)
def test_another_schema_version(
    gateway: Gateway, connect: Callable[..., SupabaseStorage], version: int, words: str
) -> None:
    gateway.says("200 OK", "application/json; charset=utf-8", str(version))
    assert words in refusal(connect(gateway.url))


def test_no_schema(scratch_url: str, connect: Callable[..., SupabaseStorage]) -> None:
    with PostgrestStandIn(scratch_url) as api:
        storage = connect(api.url, api.service_role_key)
        assert "not in this Supabase project yet" in refusal(storage)
        with pytest.raises(StartupError, match=r"SQL Editor.*DATABASE_URL"):
            storage.migrate()


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_public_keys_are_refused(connect: Callable[..., SupabaseStorage], role: str) -> None:
    for key in ("sb_publishable_x", jwt.encode({"role": role}, "s" * 32)):
        with pytest.raises(ConfigError, match=r"everyone who has your app.*service_role key") as caught:
            connect("http://127.0.0.1", key)
        assert key not in str(caught.value)


@pytest.mark.parametrize("key", ["sb_secret_x\ny", "sb secret", "“sb_secret_x”"])
def test_keys_that_no_header_can_carry(connect: Callable[..., SupabaseStorage], key: str) -> None:
    with pytest.raises(ConfigError, match="copy it again") as caught:
        connect("http://127.0.0.1", key)
    assert key not in str(caught.value)


def test_a_wrong_key(api: PostgrestStandIn, gateway: Gateway, connect: Callable[..., SupabaseStorage]) -> None:
    gateway.says("401 Unauthorized", "application/json", '{"message": "Invalid API key"}')
    for url in (api.url, gateway.url):
        sentence = refusal(connect(url, "sb_secret_wrong"))
        assert "refused the key" in sentence
        assert "service_role" in sentence
        assert "sb_secret_wrong" not in sentence


def test_a_url_that_cannot_be_used(gateway: Gateway, connect: Callable[..., SupabaseStorage]) -> None:
    for url in ("http://", "http://host:port"):
        with pytest.raises(ConfigError, match="SUPABASE_PROJECT_URL"):
            connect(url)
    gateway.says("404 Not Found", "text/html", "<html>")
    assert "https://<project>.supabase.co" in refusal(connect(gateway.url))


def test_a_project_that_does_not_answer(gateway: Gateway, connect: Callable[..., SupabaseStorage]) -> None:
    assert "does not answer" in refusal(connect("http://127.0.0.1:1"))
    assert "does not answer" in refusal(connect("http://no-such-project.invalid", storage_timeout=2))
    gateway.says("540 Paused", "text/html", "<html>")
    assert "HTTP 540" in refusal(connect(gateway.url))


# connections


def test_nothing_waits_longer_than_the_time_out(silent_url: str, connect: Callable[..., SupabaseStorage]) -> None:
    storage = connect(silent_url, storage_pool_size=1, storage_timeout=0.5)

    def wait(_: int) -> float:
        begin = time.monotonic()
        with pytest.raises(StorageUnavailable):
            storage.call("as_it_is", p_value=1)
        return time.monotonic() - begin

    with ThreadPoolExecutor(3) as threads:
        assert all(0.4 < seconds < 1 for seconds in threads.map(wait, range(3)))


def test_waiting_for_a_connection_is_part_of_the_time(
    api: PostgrestStandIn, connect: Callable[..., SupabaseStorage]
) -> None:
    storage = connect(api.url, api.service_role_key, storage_pool_size=1, storage_timeout=0.8)
    with ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(storage.call, "slow", p_seconds=0.5) for _ in range(2)]
    assert sorted(type(call.exception()) is StorageUnavailable for call in calls) == [False, True]


def test_a_kept_connection_that_was_closed_is_replaced(
    gateway: Gateway, connect: Callable[..., SupabaseStorage]
) -> None:
    gateway.says("200 OK", "application/json", "1")
    storage = connect(gateway.url)
    for _ in range(3):
        assert storage.call("as_it_is", p_value=1) == 1
        time.sleep(0.05)
    assert gateway.requests == 3


def test_a_request_that_broke_off_is_not_sent_again(gateway: Gateway, connect: Callable[..., SupabaseStorage]) -> None:
    with pytest.raises(StorageUnavailable):
        connect(gateway.url).call("as_it_is", p_value=1)
    assert gateway.requests == 1


def test_the_project_goes_away_and_comes_back(api: PostgrestStandIn, scratch: SupabaseStorage) -> None:
    assert scratch.call("as_it_is", p_value=1) == 1
    api.stop()
    with pytest.raises(StorageUnavailable):
        scratch.call("as_it_is", p_value=1)
    api.start()
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


def test_under_eventlet(api: PostgrestStandIn) -> None:
    run = subprocess.run(
        [sys.executable, "-c", GREEN, api.url, api.service_role_key],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.stdout, run.stderr) == ("green True\n", "")
