"""A call that takes too long is given up on both sides: its caller hears so, and PostgreSQL does not go on with it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chat.config import Config
from chat.embedded.cluster import within
from chat.errors import StorageUnavailable
from chat.storage.postgres import PostgresStorage
from tests.storage.test_databases import needs_pgbouncer
from tests.support.system_postgres import transaction_pooler

SLOW = """
    create table done (id int);
    create function slow(p_seconds float8) returns json language plpgsql as $$
        begin perform pg_sleep(p_seconds); insert into done values (1); return to_json(pg_backend_pid()); end $$;
    create function locked() returns json language plpgsql as $$
        begin lock table done; insert into done values (1); return to_json(1); end $$;
    create function settings() returns json language sql as $$ select json_build_array(
        current_setting('statement_timeout'), current_setting('client_connection_check_interval')) $$;
"""
#: The connections of the pool.
SIZE = 3
OURS = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'chat'"

Sql = Callable[..., list[Any]]


@pytest.fixture
def hasty(database_url: str, sql: Sql) -> Iterator[PostgresStorage]:
    """The storage with little patience, on a database with SLOW."""
    sql(SLOW)
    storage = PostgresStorage(Config(storage_timeout=0.3, storage_pool_size=SIZE), database_url)
    storage.open()
    yield storage
    storage.close()


def is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except StorageUnavailable:
        return True
    return False


def test_a_call_that_is_given_up_ends_in_the_database_too(hasty: PostgresStorage, sql: Sql) -> None:
    with ThreadPoolExecutor(4 * SIZE) as threads:
        refused = list(threads.map(lambda _: is_refused(lambda: hasty.call("slow", p_seconds=30)), range(4 * SIZE)))
    assert all(refused)
    assert sql(OURS + " and state = 'active'") == [(0,)]
    assert sql(OURS)[0][0] <= SIZE
    assert sql("select * from done") == []


def test_the_connection_of_a_call_that_is_given_up_serves_the_next(database_url: str, sql: Sql) -> None:
    sql(SLOW)
    storage = PostgresStorage(Config(storage_timeout=0.3, storage_pool_size=1), database_url)
    storage.open()
    before = storage.call("slow", p_seconds=0)
    for _ in range(3):
        assert is_refused(lambda: storage.call("slow", p_seconds=30))
    assert storage.call("slow", p_seconds=0) == before
    storage.close()


def test_a_write_that_waits_for_a_lock_for_too_long_is_never_done(
    hasty: PostgresStorage, sql: Sql, database_url: str
) -> None:
    with psycopg.connect(database_url) as holder:
        holder.execute("lock table done")
        assert is_refused(lambda: hasty.call("locked"))
    assert sql("select * from done") == []
    assert hasty.call("locked") == 1


def test_a_caller_that_dies_leaves_no_statement_behind(hasty: PostgresStorage, sql: Sql, database_url: str) -> None:
    """The server may be killed in the middle of a call: PostgreSQL looks whether its client is still there."""
    script = (
        "import sys; from chat.config import Config; from chat.storage.postgres import PostgresStorage; "
        "storage = PostgresStorage(Config(storage_timeout=60), sys.argv[1]); storage.open(); "
        "storage.call('slow', p_seconds=60)"
    )
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", script, database_url], cwd=root)
    sleeping = OURS + " and wait_event = 'PgSleep'"
    try:
        assert within(20, lambda: sql(sleeping) == [(1,)])
    finally:
        process.kill()
        process.wait()
    assert within(20, lambda: sql(sleeping) == [(0,)])


def test_a_direct_connection_has_a_statement_timeout_a_little_above_ours(hasty: PostgresStorage) -> None:
    assert hasty.call("settings") == ["1300ms", "1s"]


@needs_pgbouncer
def test_a_pooled_connection_is_left_as_it_is(database_url: str, sql: Sql) -> None:
    """A pooler lends the same connection to others, who would inherit what is set on it."""
    sql(SLOW)
    with transaction_pooler(database_url) as url:
        storage = PostgresStorage(Config(storage_timeout=0.3), url)
        storage.open()
        assert storage.call("settings") == ["0", "0"]
        assert is_refused(lambda: storage.call("slow", p_seconds=30))
        storage.close()
    assert sql("select * from done") == []


GREEN = """
import sys, time
from chat import patch
patch.patch()
import eventlet
from chat.config import Config
from chat.errors import StorageUnavailable
from chat.storage.postgres import PostgresStorage

storage = PostgresStorage(Config(storage_timeout=0.5), sys.argv[1])
storage.open()
longest, last = 0, time.monotonic()

def tick():
    global longest, last
    while True:
        now = time.monotonic()
        longest, last = max(longest, now - last), now
        eventlet.sleep(0.01)

eventlet.spawn(tick)
try:
    storage.call("slow", p_seconds=30)
except StorageUnavailable:
    print("refused,", "others went on" if longest < 0.4 else f"others waited {longest}")
storage.close()
"""


@pytest.mark.usefixtures("hasty")
def test_cancelling_stops_no_other_green_thread(database_url: str, sql: Sql) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", GREEN, database_url],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stdout == "refused, others went on\n", run.stderr
    assert sql(OURS + " and state = 'active'") == [(0,)]
