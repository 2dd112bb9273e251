"""A database that is upgraded while it is used: the last release beside this one, neither of them notices."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chat.auth import Caller
from chat.config import Config
from chat.errors import StartupError
from chat.storage import Storage, migrate
from chat.storage.migrations import PATH, migrations
from chat.storage.postgres import PostgresStorage
from tests.support.old_release import LAST_RELEASE, RELEASES, OldProcess, apply_file, lacks, use
from tests.support.schema_dump import rows_of, schema_of
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
#: Seconds that a call may take at most: the lock time-out of the file, and what a busy machine adds.
LONGEST = 3 + 6

MakeDatabase = Callable[..., str]


def upgrade(url: str) -> str:
    return PostgresStorage(Config(), url).migrate()


@pytest.fixture
def old_url(make_database: MakeDatabase) -> str:
    """A database of the last release."""
    url = make_database("template0")
    apply_file(url, LAST_RELEASE)
    return url


class People:
    """Two users and a conversation of theirs, made by the last release."""

    def __init__(self, url: str) -> None:
        self.url = url
        process = OldProcess(url)
        self.ann, self.bob = process.create_user("ann"), process.create_user("bob")
        self.conversation_id: str = process.create_conversation(self.ann, self.bob)["conversation"]["id"]
        self.answers = {call.name: call.answer for call in use(process, self.ann, self.bob, self.conversation_id)}
        process.close()

    def use_the_old(self, is_over: Callable[[], bool]) -> list[float]:
        """Make the calls of the last release on a connection of its own, and return how long each round took."""
        process = OldProcess(self.url)
        took = []
        while not is_over():
            started = time.monotonic()
            for name, answer in use(process, self.ann, self.bob, self.conversation_id):
                assert not lacks(answer, self.answers[name]), name
            took.append(time.monotonic() - started)
        process.close()
        return took

    def use_the_new(self, is_over: Callable[[], bool]) -> int:
        """Start as this release does, make its calls, and return how often."""
        storage = PostgresStorage(Config(), self.url)
        storage.open()
        ann, bob = Caller(self.ann), Caller(self.bob)
        rounds = 0
        while not is_over() or rounds < 3:
            sent = storage.send_message(ann, self.conversation_id, {"message": "new", "client_id": None})
            assert sent.audience_version == 1
            storage.update_receipt(bob, self.conversation_id, {"read_seq": sent.result["seq"], "delivered_seq": None})
            storage.create_conversation(bob, {"name": "new", "participant_ids": [self.ann]})
            storage.sync(bob, {self.conversation_id: sent.result["version"]}, None, 10)
            storage.list_conversations(bob, 5, 3)
            storage.list_messages(ann, self.conversation_id, 5)
            assert sorted(storage.get_audience(self.conversation_id)["user_ids"]) == sorted([self.ann, self.bob])
            rounds += 1
        storage.close()
        return rounds

    def check_log(self) -> int:
        """Assert that seqs and versions have no gap, and return the number of messages."""
        with psycopg.connect(self.url) as connection:
            found = connection.execute(
                "select c.last_seq, c.version, array_agg(m.seq order by m.seq), array_agg(m.version order by m.seq) "
                "from conversations as c join messages as m on m.conversation_id = c.id group by c.id"
            ).fetchall()
            never_written = connection.execute("select from conversations where version <> last_seq + 1").fetchall()
        for last_seq, version, seqs, versions in found:
            assert seqs == list(range(1, last_seq + 1))
            assert versions == list(range(2, last_seq + 2))
            assert version == last_seq + 1
        assert never_written == []
        return sum(last_seq for last_seq, *_ in found)


def stamp(url: str) -> str | None:
    """Return the hash of the functions that the database has."""
    with psycopg.connect(url) as connection:
        row = connection.execute("select to_json(s) ->> 'functions_hash' from chat_schema as s").fetchone()
        return row[0] if row else None


@contextmanager
def reader(url: str) -> Iterator[psycopg.Connection]:
    """Somebody who has read every table and idles in the transaction."""
    with psycopg.connect(url) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        for (table,) in tables:
            connection.execute(f"select from public.{table} limit 1")  # type: ignore[call-overload]
        yield connection
        connection.rollback()


def test_a_database_of_the_last_release_upgraded_is_a_fresh_one(
    old_url: str, database_url: str, make_database: MakeDatabase
) -> None:
    pasted_url = make_database("template0")
    apply_file(pasted_url, LAST_RELEASE)
    for url in (old_url, pasted_url):
        People(url)
    assert upgrade(old_url) == f"The schema was brought up to version {migrations().version}."
    apply_file(pasted_url, PATH.read_text())
    fresh = schema_of(database_url)
    for url in (old_url, pasted_url):
        upgraded = schema_of(url)
        for part in fresh:
            assert upgraded[part] == fresh[part], part
        assert rows_of(url, "chat_schema") == rows_of(database_url, "chat_schema")
        assert upgrade(url) == f"The schema is up to date (version {migrations().version})."


def test_pasting_the_file_is_what_a_server_does(database_url: str, make_database: MakeDatabase) -> None:
    url = make_database("template0")
    for _ in range(2):
        apply_file(url, PATH.read_text())
        assert schema_of(url) == schema_of(database_url)
        assert rows_of(url, "chat_schema") == rows_of(database_url, "chat_schema")


def test_the_last_release_finds_its_calls_with_their_shapes_after_the_upgrade(old_url: str) -> None:
    people = People(old_url)
    upgrade(old_url)
    once = iter([False, True])
    people.use_the_old(lambda: next(once))
    process = OldProcess(old_url)
    sent = process.send(people.conversation_id, people.ann, "c-1")
    assert sorted(sent["recipients"]) == sorted([people.ann, people.bob])
    assert process.send(people.conversation_id, people.ann, "c-1", "another")["message"] == sent["message"]
    opened = process.create_conversation(people.ann, people.bob, people.bob)
    assert opened["recipients"] == [people.bob]
    alone = process.create_conversation(people.ann)
    assert alone["recipients"] == []
    assert process.update_receipt(people.conversation_id, people.ann, 1)["recipients"] == []
    with pytest.raises(psycopg.Error, match="conversation_not_found") as refused:
        process.send(alone["conversation"]["id"], people.bob)
    assert refused.value.sqlstate == "PT404"
    process.close()


@pytest.mark.parametrize("_attempt", range(3))
def test_both_releases_are_served_while_the_database_is_upgraded(old_url: str, _attempt: int) -> None:
    people = People(old_url)
    over = threading.Event()
    with ThreadPoolExecutor(5) as threads:
        old = [threads.submit(people.use_the_old, over.is_set) for _ in range(3)]
        new = [threads.submit(people.use_the_new, over.is_set) for _ in range(2)]
        try:
            wait_until(lambda: stamp(old_url) == migrations().functions_hash, *old, *new)
        finally:
            over.set()
        assert all(each.result() for each in [*old, *new])
    assert people.check_log() > 10


def test_a_reader_idle_in_a_transaction_delays_the_upgrade_and_nobody_else(
    old_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    people = People(old_url)
    over = threading.Event()
    with ThreadPoolExecutor(4) as threads:
        with reader(old_url):
            old = [threads.submit(people.use_the_old, over.is_set) for _ in range(3)]
            upgrading = threads.submit(upgrade, old_url)
            wait_until(lambda: len(caplog.messages) >= 2, upgrading, *old)
            assert set(caplog.messages) == {"migration: step 2 waits for a lock"}
        try:
            assert "brought up" in upgrading.result()
        finally:
            over.set()
        assert max(max(each.result()) for each in old) < LONGEST
    people.check_log()


def test_changed_functions_are_replaced_beside_a_reader_idle_in_a_transaction(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "PATIENCE", 0)
    apply_file(
        database_url,
        "update chat_schema set functions_hash = 'another';"
        "create or replace function chat_page_bytes() returns integer language sql immutable as 'select 1'",
    )
    with reader(database_url):
        assert "brought up" in upgrade(database_url)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select chat_page_bytes()").fetchone() == (2 * 1024 * 1024,)


def test_an_unchanged_file_locks_nothing(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        tables = connection.execute(
            "select string_agg(format('%I', tablename), ', ') from pg_tables "
            "where schemaname = 'public' and tablename <> 'chat_schema'"
        ).fetchone()
        assert tables is not None
        connection.execute(f"lock table {tables[0]} in access exclusive mode")  # type: ignore[call-overload]
        connection.execute("lock table chat_schema in exclusive mode")  # it is only read
        assert "up to date" in upgrade(database_url)


def test_two_processes_upgrade_one_database_at_once(old_url: str, database_url: str) -> None:
    People(old_url)
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "migrate"]
    processes = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**environ, "DATABASE_URL": old_url, "AUTH_MODE": "open"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert schema_of(old_url) == schema_of(database_url)


def test_a_step_that_gets_no_lock_says_so_and_has_done_nothing(old_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "PATIENCE", 0)
    before = schema_of(old_url)
    with reader(old_url), pytest.raises(StartupError, match=r"other connections keep it locked \(step 2: "):
        upgrade(old_url)
    assert schema_of(old_url) == before
    assert "brought up" in upgrade(old_url)


# what a release must keep ---------------------------------------------------------------------------------------------

SIGNATURES = """
    select proname, pg_get_function_identity_arguments(oid), pg_get_function_result(oid)
    from pg_proc where pronamespace = 'public'::regnamespace and proname like 'chat\\_%' and prokind = 'f'
"""


def lost_signatures(old_url: str, new_url: str) -> set[Any]:
    """Return the functions that the old database has and the new one has not: name, named parameters, result."""
    found = []
    for url in (old_url, new_url):
        with psycopg.connect(url) as connection:
            found.append(set(connection.execute(SIGNATURES).fetchall()))
    return found[0] - found[1]


def unnumbered_changes(old_url: str, new_url: str) -> list[str]:
    """Return the functions that differ between two databases of one schema version, which must have none."""
    functions, versions = [], []
    for url in (old_url, new_url):
        with psycopg.connect(url) as connection:
            versions.append(connection.execute("select version from chat_schema").fetchone())
        functions.append({definition: name for name, definition, _ in schema_of(url)["functions"]})
    if versions[0] != versions[1]:
        return []
    return sorted({functions[0].get(each) or functions[1][each] for each in functions[0].keys() ^ functions[1].keys()})


def test_functions_of_the_last_release_keep_their_signature(old_url: str, database_url: str) -> None:
    assert lost_signatures(old_url, database_url) == set()


def test_a_lost_signature_is_noticed(old_url: str, database_url: str) -> None:
    apply_file(database_url, "drop function chat_member_ids(uuid)")
    assert {name for name, *_ in lost_signatures(old_url, database_url)} == {"chat_member_ids"}


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
def test_changed_functions_have_a_new_step(release: Path, make_database: MakeDatabase, database_url: str) -> None:
    """An old process that starts again knows by the version that the database is newer, and leaves its functions be."""
    url = make_database("template0")
    apply_file(url, release.read_text())
    assert unnumbered_changes(url, database_url) == []


def test_functions_changed_without_a_step_are_noticed(make_database: MakeDatabase, database_url: str) -> None:
    url = make_database()
    apply_file(url, "create or replace function chat_page_bytes() returns integer language sql immutable as 'select 1'")
    assert unnumbered_changes(url, database_url) == ["chat_page_bytes()"]


def test_a_newer_database_that_serves_this_release_is_accepted(storage: Storage, sql: Callable[..., Any]) -> None:
    version = migrations().version
    sql("update chat_schema set version = version + 1, functions_hash = 'newer', oldest_code = %s", version)
    assert storage.migrate()
    user = storage.create_user("ann")
    assert storage.get_user(Caller(user["id"])) == user
    assert sql("select functions_hash from chat_schema") == [("newer",)]


@pytest.mark.parametrize("oldest", [1, None])
def test_a_newer_database_that_does_not_is_refused(
    storage: Storage, sql: Callable[..., Any], oldest: int | None, database_url: str
) -> None:
    sql("update chat_schema set version = version + 1, oldest_code = version + %s", oldest)
    with pytest.raises(StartupError, match="newer release"):
        storage.migrate()
    with pytest.raises(psycopg.Error, match="schema_too_new"):
        apply_file(database_url, PATH.read_text())
