"""A process that runs jobs as the server does, and nothing else; what they do is kept in tables of the test.

    python -m tests.support.worker DATABASE_URL LEASE

The storage comes from the environment, as the server's. It prints a line when it runs, and stops at SIGTERM.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

#: `hold`: jobs whose payload names a row of it go on until that is gone.
TABLES = """
    create table begun (id bigint generated always as identity, job text, process integer);
    create table ended (id bigint generated always as identity, job text, process integer);
    create table hold (name text);
"""


@contextmanager
def worker(
    log: Path, database_url: str, settings: dict[str, str], lease: float = 60
) -> Iterator[subprocess.Popen[str]]:
    """Run a worker during the block; `log` gets what it says."""
    with log.open("a") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.worker", database_url, str(lease)],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "AUTH_MODE": "open", "LOG_LEVEL": "info", **settings},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdout
    with process, process.stdout:
        assert process.stdout.readline() == "running\n", log.read_text()
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(30)


def main(database_url: str, lease: str) -> None:
    from chat import patch

    patch.patch()
    import eventlet
    import psycopg

    from chat.app import create_app
    from chat.jobs import Job, Runner

    def keep(table: str, job: str) -> None:
        with psycopg.connect(database_url) as connection:
            connection.execute(f"insert into {table} (job, process) values (%s, %s)", (job, os.getpid()))

    def is_held(name: str) -> bool:
        with psycopg.connect(database_url) as connection:
            return connection.execute("select name from hold where name = %s", (name,)).fetchone() is not None

    def processes() -> int:
        with psycopg.connect(database_url) as connection:
            return connection.execute("select count(distinct process) from begun").fetchone()[0]

    def run(payload: dict[str, Any]) -> None:
        keep("begun", payload["job"])
        if "hold" in payload:
            while is_held(payload["hold"]):
                time.sleep(0.05)
        while processes() < payload.get("processes", 0):
            time.sleep(0.05)
        time.sleep(payload.get("seconds", 0))
        keep("ended", payload["job"])

    app = create_app()
    app.extensions["storage"].open()
    jobs = [Job("once", run), Job("safe", run, idempotent=True)]
    runner = Runner(app, jobs, lease=float(lease), poll=0.2)
    stopped = eventlet.event.Event()
    signal.signal(signal.SIGTERM, lambda *_: eventlet.spawn_after(0, stopped.send))
    runner.start()
    print("running", flush=True)
    while not stopped.ready():
        time.sleep(0.05)
    runner.stop()
    app.extensions["storage"].close()


if __name__ == "__main__":
    main(*sys.argv[1:])
