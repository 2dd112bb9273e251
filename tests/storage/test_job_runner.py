"""The runner of jobs in this process: when it looks, what it keeps of errors, how it ends."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, current_app

from chat import jobs as declared
from chat.actions.jobs import add_job, wake_runner
from chat.errors import StorageUnavailable
from chat.jobs import Job, ProcessJob, Runner
from chat.jobs.kinds import error_text

Sql = Callable[..., list[Any]]

PATIENCE = 30
#: Longer than any test: a runner that looks again has been told to.
NEVER = 3600.0


def wait_until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def running(app: Flask, *jobs: Job, process_jobs: tuple[ProcessJob, ...] = (), **options: Any) -> Iterator[Runner]:
    runner = Runner(app, jobs, process_jobs, **{"poll": NEVER, **options})
    runner.start()
    try:
        yield runner
    finally:
        runner.stop()


def add(app: Flask, kind: str, **payload: Any) -> int:
    with app.app_context():
        id = add_job(kind, payload)
    assert id is not None
    return id


def rows(sql: Sql) -> list[Any]:
    return sql("select kind, state, attempts, last_error from chat_jobs order by id")


# when


def test_a_job_that_this_process_adds_runs_at_once(app: Flask) -> None:
    done: list[Any] = []
    with running(app, Job("note", lambda payload: done.append((payload, current_app.name)))):
        for number in range(20):
            add(app, "note", number=number)
        wait_until(lambda: len(done) == 20)
    assert sorted(payload["number"] for payload, _ in done) == list(range(20))
    assert {name for _, name in done} == {app.name}


def test_a_job_that_a_change_has_added_runs_when_the_runner_is_woken(app: Flask, sql: Sql) -> None:
    done = threading.Event()
    with running(app, Job("note", lambda _: done.set())):
        looked = "select pid from pg_stat_activity where query ~ '^select public.chat_claim_jobs' and state = 'idle'"
        wait_until(lambda: sql(looked))
        sql("""select chat_add_job('note', '{}', null, null)""")
        with app.app_context():
            wake_runner()
        assert done.wait(PATIENCE)


def test_a_job_that_becomes_due_runs_then(app: Flask, sql: Sql) -> None:
    done: list[float] = []
    (at,) = sql("select (now() + interval '1.5 seconds')::text")[0]
    app.extensions["storage"].add_job("note", {}, run_at=at)
    with running(app, Job("note", lambda _: done.append(sql("select now() >= %s::timestamptz", at)[0][0]))):
        wait_until(lambda: done)
    assert done == [True]


def test_no_more_jobs_run_at_once_than_the_limit(app: Flask) -> None:
    at_once, most, done = 0, 0, 0
    lock, go = threading.Lock(), threading.Event()

    def work(_: Any) -> None:
        nonlocal at_once, most, done
        with lock:
            at_once += 1
            most = max(most, at_once)
        go.wait(PATIENCE)
        with lock:
            at_once -= 1
            done += 1

    for _ in range(7):
        add(app, "work")
    with running(app, Job("work", work), limit=3):
        wait_until(lambda: at_once == 3)
        add(app, "work")  # wakes the runner, which has no room
        go.set()
        wait_until(lambda: done == 8)
    assert most == 3


def test_a_job_that_recurs_needs_not_be_added_and_is_one_for_all_processes(
    make_app: Callable[..., Flask], sql: Sql
) -> None:
    at_once, times = [0], [0]
    overlapped = threading.Event()

    def work(_: Any) -> None:
        at_once[0] += 1
        times[0] += 1
        if at_once[0] > 1:
            overlapped.set()
        time.sleep(0.05)
        at_once[0] -= 1

    job = Job("often", work, idempotent=True, every=0.1)
    with running(make_app(), job), running(make_app(), job):
        wait_until(lambda: times[0] >= 6)
        assert sql("select count(*), min(key) from chat_jobs") == [(1, "often")]
    assert not overlapped.is_set()


# errors


def test_an_error_is_kept_and_the_job_tried_again_until_it_is_dead(
    app: Flask, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(payload: dict[str, Any]) -> None:
        raise ValueError(f"no \0 {payload['text']}")

    with running(app, Job("fail", fail, attempts=2)):
        add(app, "fail", text="x" * 2000)
        wait_until(lambda: rows(sql)[0][1:3] == ("waiting", 1))
        (error,) = rows(sql)[0][3:]
        assert error.startswith("ValueError: no  xxx")
        assert len(error) <= 1000
        sql("update chat_jobs set run_at = now()")
        with app.app_context():
            wake_runner()
        wait_until(lambda: rows(sql)[0][1:3] == ("dead", 2))
    told = [(record.levelname, record.getMessage().partition(":")[0]) for record in caplog.records]
    assert told == [
        ("WARNING", "job 1 (fail) failed (attempt 1 of 2)"),
        ("WARNING", "job 1 (fail) failed (attempt 2 of 2)"),
        ("ERROR", "job 1 (fail) is dead after 2 attempts"),
    ]
    assert caplog.records[0].exc_info


def test_an_error_is_kept_in_text_that_postgresql_can_hold() -> None:
    assert error_text(ValueError("a lone \ud800 and a \0")) == "ValueError: a lone ? and a "
    assert error_text(KeyboardInterrupt()) == "KeyboardInterrupt"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), StorageUnavailable()])
def test_no_error_ends_the_runner(app: Flask, sql: Sql, error: BaseException) -> None:
    done = threading.Event()

    def fail(_: Any) -> None:
        raise error

    with running(app, Job("fail", fail, attempts=1), Job("note", lambda _: done.set())):
        add(app, "fail")
        wait_until(lambda: rows(sql) == [("fail", "dead", 1, error_text(error))])
        add(app, "note")
        assert done.wait(PATIENCE)


# jobs of the process


def test_a_job_of_the_process_that_fails_is_a_row_until_it_succeeds(
    app: Flask, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    broken = threading.Event()
    broken.set()
    seconds: list[float] = []

    def work(since: float) -> None:
        seconds.append(since)
        if broken.is_set():
            raise RuntimeError("out of order")

    with running(app, process_jobs=(ProcessJob("clean", work, every=0.05),)) as runner:
        failing = ("clean", "failing", "RuntimeError: out of order", runner.process)
        wait_until(
            lambda: sql("select kind, state, last_error, claimed_by from chat_jobs where attempts > 2") == [failing]
        )
        broken.clear()
        wait_until(lambda: rows(sql) == [])
        times = len(seconds)
        wait_until(lambda: len(seconds) > times + 2)
    assert seconds[:3] == sorted(seconds[:3])  # since the last success: more and more while there is none
    assert seconds[-1] < seconds[times - 2]
    assert [record.getMessage() for record in caplog.records] == [
        "the job clean fails: RuntimeError: out of order",
        "the job clean works again",
    ]


def test_what_fails_in_a_process_that_stops_is_no_longer_listed(app: Flask, sql: Sql) -> None:
    def fail(_: float) -> None:
        raise RuntimeError("out of order")

    with running(app, process_jobs=(ProcessJob("clean", fail, every=0.05),)):
        wait_until(lambda: rows(sql))
    assert rows(sql) == []


def test_a_job_of_the_process_runs_while_the_database_is_away(app: Flask) -> None:
    app.extensions["storage"].close()
    done = threading.Event()
    with running(app, process_jobs=(ProcessJob("clean", lambda _: done.set(), every=0.05),)):
        assert done.wait(PATIENCE)


# the end


def test_running_jobs_finish_before_the_runner_stops(app: Flask, sql: Sql) -> None:
    begun = threading.Event()

    def work(_: Any) -> None:
        begun.set()
        time.sleep(0.3)

    with running(app, Job("work", work)):
        add(app, "work")
        assert begun.wait(PATIENCE)
    assert rows(sql) == []


def test_a_stopped_runner_claims_nothing(app: Flask, sql: Sql) -> None:
    with running(app, Job("work", lambda _: None)):
        pass
    add(app, "work")
    assert rows(sql) == [("work", "waiting", 0, None)]


# what is declared


def test_the_names_of_the_declared_jobs_are_there_once() -> None:
    names = [job.name for job in (*declared.JOBS, *declared.PROCESS_JOBS)]
    assert len(names) == len(set(names))


def test_the_housekeeping_runs_in_the_server_by_itself(app: Flask, sql: Sql) -> None:
    sql(
        "insert into chat_jobs (kind, state, run_at) "
        "values ('old', 'dead', now() - interval '31 days'), ('new', 'dead', now() - interval '29 days')"
    )
    with running(app, *declared.JOBS):
        wait_until(
            lambda: {"new", "delete_old_jobs"} <= (kinds := {row[0] for row in rows(sql)}) and "old" not in kinds
        )
