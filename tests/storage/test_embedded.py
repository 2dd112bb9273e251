"""The embedded PostgreSQL: it starts whatever a crash has left behind, and stops with its last user."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chat.embedded import ClusterError, EmbeddedPostgres
from chat.embedded.cluster import SOCKET, Cluster, _reason

ROOT = Path(__file__).resolve().parents[2]

#: A process that uses the database in its first argument until its standard input ends.
USER = """
import sys
from pathlib import Path
from chat.embedded import EmbeddedPostgres
database = EmbeddedPostgres(Path(sys.argv[1]))
print(database.start(), flush=True)
sys.stdin.read()
database.stop()
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a cluster in it; each test starts and stops it."""
    path = tmp_path_factory.mktemp("embedded") / "data"
    database = EmbeddedPostgres(path)
    database.start()
    database.stop()
    return path


@pytest.fixture
def database(directory: Path) -> Iterator[EmbeddedPostgres]:
    database = EmbeddedPostgres(directory)
    yield database
    database.stop()
    assert not pid_file(directory).exists()


def pid_file(directory: Path) -> Path:
    return directory / "postgres" / "postmaster.pid"


def postmaster(directory: Path) -> int:
    return int(pid_file(directory).read_text().splitlines()[0])


def ask(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row
    return row[0]


def other_user(directory: Path) -> subprocess.Popen[str]:
    """Start another process that uses the database, and wait until it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(directory)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline().startswith("postgresql://")
    return process


def crash(directory: Path) -> None:
    """Kill PostgreSQL the hard way; a parent that does not collect its children keeps the pid taken."""
    pid = postmaster(directory)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while EmbeddedPostgres(directory).is_running():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_knows_unicode_and_utc(database: EmbeddedPostgres) -> None:
    url = database.start()
    assert ask(url, "select 'ÉCOLE' ilike 'école' and 'ЖУК' ilike 'жук'") is True
    assert ask(url, "show timezone") == "UTC"
    assert ask(url, "show listen_addresses") == ""


def test_start_and_stop_may_be_repeated(database: EmbeddedPostgres) -> None:
    assert database.start() == database.start() == database.url
    database.stop()
    database.stop()
    database.start()
    assert ask(database.url, "select 1") == 1


def test_only_the_owner_can_enter(database: EmbeddedPostgres, directory: Path) -> None:
    database.start()
    assert directory.stat().st_mode & 0o066 == 0
    assert (directory / "postgres").stat().st_mode & 0o077 == 0


def test_last_user_stops_it(database: EmbeddedPostgres, directory: Path) -> None:
    database.start()
    with other_user(directory) as other:
        database.stop()
        assert ask(database.url, "select 1") == 1
        other.communicate(timeout=20)
    assert not pid_file(directory).exists()


def test_attaches_to_what_a_killed_server_left(database: EmbeddedPostgres, directory: Path) -> None:
    with other_user(directory) as other:
        other.kill()
    before = postmaster(directory)
    database.start()
    assert postmaster(directory) == before
    assert ask(database.url, "select 1") == 1


def test_recovers_after_a_crash(database: EmbeddedPostgres, directory: Path) -> None:
    with psycopg.connect(database.start()) as connection:
        connection.execute("create table kept as select 42 as n")
    crash(directory)
    database.stop()
    assert ask(database.start(), "select n from kept") == 42


@pytest.mark.parametrize("content", ["{pid}\n{rest}", "", "12"])
def test_stale_pid_file(database: EmbeddedPostgres, directory: Path, content: str) -> None:
    database.start()
    lines = pid_file(directory).read_text().splitlines()
    crash(directory)
    database.stop()
    # Another program has the process id now: this one.
    pid_file(directory).write_text(content.format(pid=os.getpid(), rest="\n".join(lines[1:]) + "\n"))
    assert ask(database.start(), "select 1") == 1


def test_interrupted_initdb(tmp_path: Path) -> None:
    half = tmp_path / "data" / "postgres.new.half"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    database = EmbeddedPostgres(tmp_path / "data")
    try:
        assert ask(database.start(), "select 1") == 1
        assert not half.exists()
    finally:
        database.stop()


@pytest.mark.parametrize("name", ["long" * 30, "a b, $HOME 'c' \"d\" é"])
def test_awkward_path(tmp_path: Path, name: str) -> None:
    database = EmbeddedPostgres(tmp_path / name)
    try:
        assert ask(database.start(), "select 1") == 1
    finally:
        database.stop()


@pytest.mark.parametrize("in_the_way", ["data", "data/postgres", "data/postgres.log/x", "data/postgres/x"])
def test_something_in_the_way(tmp_path: Path, in_the_way: str) -> None:
    path = tmp_path / in_the_way
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(ClusterError) as caught:
        EmbeddedPostgres(tmp_path / "data").start()
    assert str(tmp_path / "data") in str(caught.value)
    assert path.read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_directory_that_is_not_writable(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ClusterError, match="Permission denied"):
        EmbeddedPostgres(tmp_path / "data").start()


def test_other_major_version(database: EmbeddedPostgres, directory: Path) -> None:
    version = directory / "postgres" / "PG_VERSION"
    current = version.read_text()
    version.write_text("17\n")
    try:
        with pytest.raises(ClusterError, match="PostgreSQL 17"):
            database.start()
    finally:
        version.write_text(current)


def test_says_why_it_does_not_start(database: EmbeddedPostgres, directory: Path) -> None:
    settings = directory / "postgres" / "postgresql.auto.conf"
    before = settings.read_text()
    settings.write_text("shared_buffers = 'plenty'\n")
    try:
        with pytest.raises(ClusterError, match=r"configuration file .* contains errors.*postgres\.log"):
            database.start()
    finally:
        settings.write_text(before)


def test_a_database_that_hangs_is_not_taken_for_dead(database: EmbeddedPostgres, directory: Path) -> None:
    database.start()
    os.kill(postmaster(directory), signal.SIGSTOP)
    waiting = []
    try:
        refused = 0
        while refused == 0 and len(waiting) < 10_000:  # until the queue of connections is full
            waiting.append(socket.socket(socket.AF_UNIX))
            waiting[-1].setblocking(False)
            refused = waiting[-1].connect_ex(str(directory / "postgres" / SOCKET))
        assert refused == errno.EAGAIN
        assert database.is_running()
    finally:
        for each in waiting:
            each.close()
        os.kill(postmaster(directory), signal.SIGCONT)


def test_many_failures_at_once_look_at_the_database_once(
    database: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.start()
    looks: list[bool] = []
    is_listening = Cluster.is_listening
    monkeypatch.setattr(Cluster, "is_listening", lambda self: looks.append(is_listening(self)) or looks[-1])
    for _ in range(400):
        database.revive()
    assert looks == [True]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc on this system")
def test_its_account_does_not_get_our_secrets(
    database: EmbeddedPostgres, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JWT_SECRET", "DATABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "PGPASSWORD", "ANY_OTHER"):
        monkeypatch.setenv(name, "secret")
    database.start()
    environment = Path(f"/proc/{postmaster(directory)}/environ").read_text().split("\0")
    assert "LC_ALL=C" in environment
    assert "secret" not in str(environment)


def test_what_is_told_to_those_who_ask_too_early_is_no_reason() -> None:
    log = """
        2026-01-01 LOG:  starting PostgreSQL
        2026-01-01 FATAL:  the database system is starting up
        2026-01-01 FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use
        2026-01-01 LOG:  database system is shut down
    """
    assert _reason(log) == "pre-existing shared memory block (key 1, ID 2) is still in use"
