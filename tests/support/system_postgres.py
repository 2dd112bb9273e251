"""Databases and poolers of the system, where they are installed: PostgreSQL 15, PgBouncer."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
PGBOUNCER = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")


@contextmanager
def postgres_15() -> Iterator[str]:
    """The URL of a new PostgreSQL 15 that ends with the block."""
    with _directory() as directory:
        data = directory / "data"
        _run(POSTGRES_15 / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        options = f"-k {directory} -c listen_addresses= -c fsync=off"
        _run(POSTGRES_15 / "pg_ctl", "-D", data, "-l", directory / "log", "-o", options, "-w", "start")
        try:
            yield f"postgresql://postgres@/postgres?host={quote(str(directory))}&port=5432"
        finally:
            _run(POSTGRES_15 / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


@contextmanager
def transaction_pooler(database_url: str) -> Iterator[str]:
    """The URL of a database behind PgBouncer, where each transaction may get another of two connections."""
    database = psycopg.conninfo.conninfo_to_dict(database_url)
    with _directory() as directory:
        settings = directory / "pgbouncer.ini"
        (directory / "users").write_text('"postgres" ""\n')
        settings.write_text(
            f"""
            [databases]
            pooled = host={database["host"]} port={database["port"]} dbname={database["dbname"]} user=postgres
            [pgbouncer]
            pool_mode = transaction
            default_pool_size = 2
            auth_type = any
            auth_file = {directory}/users
            listen_addr =
            unix_socket_dir = {directory}
            listen_port = 6543
            """.replace("    ", "")
        )
        pooler = subprocess.Popen(
            [str(PGBOUNCER), str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **_account()
        )
        url = f"postgresql://postgres@/pooled?host={quote(str(directory))}&port=6543"
        try:
            _wait_for(url)
            yield url
        finally:
            pooler.send_signal(signal.SIGTERM)
            pooler.wait(10)


@contextmanager
def _directory() -> Iterator[Path]:
    """A directory of the account that runs the programs, with a path short enough for a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="chat-test-", ignore_cleanup_errors=True) as name:
        if account := _account():
            os.chown(name, account["user"], account["group"])
        yield Path(name)


def _account() -> dict[str, Any]:
    """Who runs the programs, which refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("postgres")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _run(*command: object) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        **_account(),
    )
    assert done.returncode == 0, command


def _wait_for(url: str) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(url, prepare_threshold=None).close()
        except psycopg.OperationalError:
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            return
