"""`flask --app wsgi jobs`: what people read and do about jobs, and the exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from chat.app import create_app
from chat.config import Config
from tests.support.server import free_port

Sql = Callable[..., list[Any]]
Jobs = Callable[..., Result]

ROOT = Path(__file__).parents[2]
ADD = "insert into chat_jobs (kind, state, attempts, max_attempts, claimed_by, claimed_until, last_error, key, run_at) "


@pytest.fixture
def jobs(database_url: str) -> Jobs:
    """A function that runs the command; its arguments are those of the command line."""

    def run(*arguments: str) -> Result:
        app: Flask = create_app(Config(auth_mode="open", database_url=database_url).checked())
        with app.app_context():
            return app.test_cli_runner(catch_exceptions=False).invoke(args=["jobs", *arguments])

    return run


def add(sql: Sql, state: str, error: str | None = None, key: str | None = None) -> int:
    by = "web-1/7/ab" if state in ("running", "failing") else None
    values = "values (%s, %s, 3, 5, %s, now() + interval '1 hour', %s, %s, '2026-01-02 03:04:05.6+00') returning id"
    return int(sql(ADD + values, f"a {state} kind", state, by, error, key)[0][0])


def test_nothing_to_see(jobs: Jobs) -> None:
    shown = jobs()
    assert (shown.exit_code, shown.output) == (0, "0 listed; 0 waiting in all.\n")


def test_the_table(jobs: Jobs, sql: Sql) -> None:
    add(sql, "running")
    add(sql, "waiting", "ValueError: once more")
    add(sql, "failing", "StorageUnavailable: storage_unavailable")
    add(sql, "dead", "ValueError: a first line\n\x1b[31mand " + "x" * 200)
    shown = jobs()
    assert shown.exit_code == 0
    at = "2026-01-02T03:04:05Z"
    assert shown.output.splitlines() == [
        "ID  STATE    TIME                        JOB             ATTEMPTS  PROCESS     ERROR",
        f"4   dead     since {at}  a dead kind     3 of 5    –           ValueError: a first line ?[31mand {'x' * 65}…",
        f"3   failing  since {at}  a failing kind  3 of 5    web-1/7/ab  StorageUnavailable: storage_unavailable",
        f"2   waiting  until {at}  a waiting kind  3 of 5    –           ValueError: once more",
        f"1   running  since {at}  a running kind  3 of 5    web-1/7/ab  –",
        "4 listed; 1 waiting in all.",
    ]


def test_json_has_it_whole(jobs: Jobs, sql: Sql) -> None:
    error = "ValueError: 👩‍👩‍👧\n" + "x" * 900
    id = add(sql, "dead", error)
    shown = jobs("--json")
    assert shown.exit_code == 0
    found = json.loads(shown.output)
    assert found["waiting"] == 0
    assert [(job["id"], job["state"], job["last_error"]) for job in found["jobs"]] == [(id, "dead", error)]


def test_a_dead_job_is_retried(jobs: Jobs, sql: Sql) -> None:
    id = add(sql, "dead", "ValueError")
    shown = jobs("retry", str(id))
    assert (shown.exit_code, shown.output) == (0, "1 job runs again.\n")
    assert sql("select state, attempts, run_at <= now() from chat_jobs") == [("waiting", 0, True)]


def test_all_dead_jobs_are_retried_but_those_whose_key_is_taken(jobs: Jobs, sql: Sql) -> None:
    ids = [add(sql, "dead", key=key) for key in (None, "a", "a")]
    shown = jobs("retry", "--all-dead")
    assert shown.exit_code == 1
    assert shown.stdout == "2 jobs run again.\n"
    assert shown.stderr == f"chat: Job {ids[2]} stays dead: another job with its key (a) is waiting or running.\n"
    sql("delete from chat_jobs")
    shown = jobs("retry", "--all-dead")
    assert (shown.exit_code, shown.output) == (0, "0 jobs run again.\n")


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("running", "Job 1 is running in web-1/7/ab."),
        ("failing", "Job 1 is done by web-1/7/ab for itself, which tries again by itself."),
    ],
)
def test_what_cannot_be_retried_says_why(jobs: Jobs, sql: Sql, state: str, sentence: str) -> None:
    add(sql, state)
    shown = jobs("retry", "1")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (1, "", f"chat: {sentence}\n")


def test_a_job_is_dropped_unless_it_runs(jobs: Jobs, sql: Sql) -> None:
    dead, running = add(sql, "dead"), add(sql, "running")
    shown = jobs("drop", str(dead))
    assert (shown.exit_code, shown.output) == (0, f"Job {dead} (a dead kind, dead) is deleted.\n")
    shown = jobs("drop", str(running))
    assert shown.exit_code == 1
    assert shown.stderr == f"chat: Job {running} is running in web-1/7/ab: stop that process, or wait for its end.\n"
    assert sql("select id from chat_jobs") == [(running,)]


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_a_job_that_does_not_exist(jobs: Jobs, verb: str) -> None:
    shown = jobs(verb, "17")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (1, "", "chat: There is no job 17.\n")


@pytest.mark.parametrize("arguments", [("retry",), ("retry", "1", "--all-dead"), ("drop",), ("drop", "x"), ("run",)])
def test_a_command_line_that_makes_no_sense(jobs: Jobs, arguments: tuple[str, ...]) -> None:
    shown = jobs(*arguments)
    assert shown.exit_code == 2
    assert "Usage:" in shown.stderr


def flask_jobs(url: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", str(ROOT / "wsgi.py"), "jobs"],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": url, "AUTH_MODE": "open"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_as_people_type_it(database_url: str, sql: Sql, tmp_path: Path) -> None:
    add(sql, "dead", "ValueError: no")
    ended = flask_jobs(database_url, tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "a dead kind" in ended.stdout
    ended = flask_jobs(f"postgresql://postgres@127.0.0.1:{free_port()}/none", tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("chat: The database cannot be reached: ")
