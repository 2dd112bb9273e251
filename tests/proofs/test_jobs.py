"""Several real processes run jobs; one is killed, stopped for a while, or loses the database: nothing runs twice."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chat.config import Config
from chat.storage.postgres import PostgresStorage
from tests.support.outage import Database
from tests.support.proofs import DRIVERS, reached_by, size
from tests.support.worker import TABLES, worker

Sql = Callable[..., list[Any]]

#: Seconds that a job is claimed for, where the test waits for the end of it.
LEASE = 3.0
PATIENCE = 60


@pytest.fixture(autouse=True)
def tables(request: pytest.FixtureRequest) -> None:
    if "sql" in request.fixturenames:
        request.getfixturevalue("sql")(TABLES)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "workers.log"


def add(sql: Sql, kind: str, **payload: Any) -> int:
    return sql("select chat_add_job(%s, %s, null, null)", kind, psycopg.types.json.Jsonb(payload))[0][0]


def wait_until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def runs(sql: Sql, table: str = "begun") -> Counter[str]:
    return Counter(job for (job,) in sql(f"select job from {table}"))


def left(sql: Sql) -> list[Any]:
    return sql("select payload ->> 'job', state from chat_jobs order by id")


@pytest.mark.parametrize("driver", DRIVERS)
def test_many_jobs_of_two_processes_run_once_each(driver: str, database_url: str, sql: Sql, log: Path) -> None:
    count = size(200, 5000)
    with (
        reached_by(driver, database_url) as settings,
        worker(log, database_url, settings),
        worker(log, database_url, settings),
    ):
        # Each waits until the other process has begun one too.
        sql(
            "select chat_add_job('once', jsonb_build_object('job', n, 'processes', 2), null, null) "
            "from generate_series(1, %s) as n",
            count,
        )
        wait_until(lambda: left(sql) == [])
    assert runs(sql) == runs(sql, "ended") == Counter(str(number) for number in range(1, count + 1))
    assert sql("select count(distinct process) from begun") == [(2,)]
    assert log.read_text() == ""


@pytest.mark.parametrize("driver", DRIVERS)
def test_when_a_process_is_killed_only_idempotent_jobs_run_again(
    driver: str, database_url: str, sql: Sql, log: Path
) -> None:
    sql("insert into hold values ('both')")
    for kind in ("once", "safe"):
        add(sql, kind, job=kind, hold="both")
    with reached_by(driver, database_url) as settings:
        with worker(log, database_url, settings, LEASE) as process:
            wait_until(lambda: runs(sql).total() == 2)
            process.kill()
            process.wait()
        sql("delete from hold")
        assert left(sql) == [("once", "running"), ("safe", "running")]
        with worker(log, database_url, settings, LEASE):
            wait_until(lambda: left(sql) == [("once", "dead")])
    assert runs(sql) == {"once": 1, "safe": 2}
    assert runs(sql, "ended") == {"safe": 1}
    ((error,),) = sql("select last_error from chat_jobs")
    assert "ended or lost the database while it ran this job" in error


def test_a_job_that_is_longer_than_its_lease_is_left_alone(database_url: str, sql: Sql, log: Path) -> None:
    settings = {"DATABASE_URL": database_url}
    with worker(log, database_url, settings, LEASE), worker(log, database_url, settings, LEASE):
        add(sql, "once", job="long", seconds=2 * LEASE)
        add(sql, "safe", job="long too", seconds=2 * LEASE)
        wait_until(lambda: left(sql) == [])
    assert runs(sql) == runs(sql, "ended") == {"long": 1, "long too": 1}
    assert log.read_text() == ""


def test_a_process_that_comes_back_too_late_changes_nothing(database_url: str, sql: Sql, log: Path) -> None:
    """As a laptop that slept, or a machine that was moved while it ran."""
    settings = {"DATABASE_URL": database_url}
    sql("insert into hold values ('both')")
    with worker(log, database_url, settings, LEASE) as first:
        add(sql, "safe", job="taken over", hold="both")
        wait_until(lambda: runs(sql).total() == 1)
        first.send_signal(signal.SIGSTOP)
        with worker(log, database_url, settings, LEASE):
            wait_until(lambda: runs(sql).total() == 2)
            sql("delete from hold")
            wait_until(lambda: left(sql) == [])
        assert "was no longer" not in log.read_text()
        add(sql, "unknown", job="bystander")
        first.send_signal(signal.SIGCONT)
        wait_until(lambda: "was no longer this process's when it ended; nothing was changed" in log.read_text())
    assert runs(sql, "ended") == {"taken over": 2}
    assert left(sql) == [("bystander", "waiting")]


def test_a_process_that_is_stopped_gives_its_jobs_to_others(database_url: str, sql: Sql, log: Path) -> None:
    settings = {"DATABASE_URL": database_url}
    sql("insert into hold values ('both')")
    with worker(log, database_url, settings):
        for kind in ("once", "safe"):
            add(sql, kind, job=kind, hold="both")
        add(sql, "once", job="short", seconds=1)
        wait_until(lambda: runs(sql).total() == 3)
    assert left(sql) == [("once", "dead"), ("safe", "waiting")]  # long before the end of their leases
    assert runs(sql, "ended") == {"short": 1}
    sql("delete from hold")
    with worker(log, database_url, settings):
        wait_until(lambda: left(sql) == [("once", "dead")])
    assert runs(sql) == {"once": 1, "safe": 2, "short": 1}


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Database]:
    """A database of the test's own."""
    (tmp_path / "private").mkdir()
    database = Database(tmp_path / "private")
    database.start()
    PostgresStorage(Config(), database.url).migrate()
    yield database
    database.stop()


def test_a_database_that_was_away_for_longer_than_a_lease_costs_no_job(
    private: Database, database_url: str, sql: Sql, log: Path
) -> None:
    """The jobs keep their record in another database, which stays."""

    def on_private(query: str) -> list[Any]:
        with psycopg.connect(private.url, autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    settings = {"DATABASE_URL": private.url}
    sql("insert into hold values ('away')")
    with worker(log, database_url, settings, LEASE), worker(log, database_url, settings, LEASE):
        for name in ("ends meanwhile", "ends afterwards"):
            on_private(f"""select chat_add_job('once', '{{"job": "{name}", "hold": "away"}}', null, null)""")
        sql("insert into hold values ('back')")
        on_private("""select chat_add_job('once', '{"job": "ends last", "hold": "back"}', null, null)""")
        wait_until(lambda: runs(sql).total() == 3)
        private.crash()
        sql("delete from hold where name = 'away'")
        wait_until(lambda: runs(sql, "ended").total() == 2)
        time.sleep(LEASE)  # all leases have run out then
        private.start()
        wait_until(lambda: len(on_private("select id from chat_jobs")) == 1)
        time.sleep(2 * LEASE)  # whoever wants to recover jobs has done it
        assert on_private("select state from chat_jobs") == [("running",)]
        sql("delete from hold")
        wait_until(lambda: on_private("select id from chat_jobs") == [])
        on_private("""select chat_add_job('once', '{"job": "new"}', null, null)""")
        wait_until(lambda: on_private("select id from chat_jobs") == [])
    assert set(runs(sql).values()) == set(runs(sql, "ended").values()) == {1}
    told = log.read_text()
    assert "Traceback" not in told
    assert 2 <= told.count("jobs wait for the database") <= 6  # of two processes; a line for each try would be dozens
    assert "jobs run again" in told


def test_jobs_survive_a_supabase_that_goes_away(database_url: str, sql: Sql, log: Path, postgrest: Any) -> None:
    settings = {"SUPABASE_PROJECT_URL": postgrest.url, "SUPABASE_SERVICE_ROLE_KEY": postgrest.service_role_key}
    with worker(log, database_url, settings):
        postgrest.stop()
        add(sql, "once", job="waits")
        wait_until(lambda: "jobs wait for the database" in log.read_text())
        postgrest.start()
        wait_until(lambda: left(sql) == [])
    assert runs(sql, "ended") == {"waits": 1}
    assert "Traceback" not in log.read_text()
