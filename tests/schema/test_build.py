"""`sql/build.py`: how migrations.sql is made, and what it refuses; indexes that are made beside those who write."""

import importlib.util
import shutil
import subprocess
import sys
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
from chat.storage import migrate
from chat.storage.migrations import PATH, Migrations, migrations, parse
from chat.storage.postgres import PostgresStorage
from tests.support.old_release import apply_file
from tests.support.waiting import wait_until

SQL = Path(__file__).parents[2] / "sql"
NUMBER = migrations().version + 1
INDEXES = """-- Two, each for a purpose.
create index if not exists messages_gone on public.messages (deleted_at);

create unique index if not exists messages_once on public.messages (conversation_id, created_at, seq);
"""

Sql = Callable[..., list[Any]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of sql/."""
    return Path(shutil.copytree(SQL, tmp_path / "sql", ignore=shutil.ignore_patterns("__pycache__")))


def build(source: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(source / "build.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_file_is_what_is_built(source: Path) -> None:
    shutil.copy(PATH, source.parent)
    assert build(source, "--check").returncode == 0
    assert build(source).returncode == 0
    assert (source.parent / "migrations.sql").read_bytes() == PATH.read_bytes()


@pytest.mark.parametrize("changed", ["functions/users.sql", "grants.sql", "header.sql", "steps/0001_tutorial.sql"])
def test_a_stale_file_is_noticed(source: Path, changed: str) -> None:
    shutil.copy(PATH, source.parent)
    with (source / changed).open("a") as file:
        file.write("\n-- changed\n")
    checked = build(source, "--check")
    assert checked.returncode == 1
    assert "make sql" in checked.stderr


def test_functions_change_the_hash_and_steps_the_version(source: Path) -> None:
    build(source)
    before = parse((source.parent / "migrations.sql").read_text())
    assert before[1:] == migrations()[1:]
    (source / f"steps/{NUMBER:04}_more.sql").write_text("create table public.chat_more ();\n")
    build(source)
    stepped = parse((source.parent / "migrations.sql").read_text())
    assert stepped[1:] == (before.version + 1, before.functions_hash)
    with (source / "functions/users.sql").open("a") as file:
        file.write("-- changed\n")
    build(source)
    changed = parse((source.parent / "migrations.sql").read_text())
    assert changed.version == stepped.version
    assert changed.functions_hash != stepped.functions_hash


@pytest.mark.parametrize("name", [f"{NUMBER + 1:04}_gap.sql", "0001_twice.sql", f"{NUMBER}_short.sql", "more.sql"])
def test_wrong_numbers_are_refused(source: Path, name: str) -> None:
    (source / "steps" / name).write_text("select 1;\n")
    refused = build(source)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert not (source.parent / "migrations.sql").exists()


@pytest.mark.parametrize(
    "body",
    [
        "create table public.chat_more ();\n",
        "create index more on public.messages (deleted_at);\n",
        INDEXES + "analyze public.messages;\n",
    ],
)
def test_a_step_of_indexes_holds_nothing_else(source: Path, body: str) -> None:
    (source / f"steps/{NUMBER:04}_more_indexes.sql").write_text(body)
    refused = build(source)
    assert refused.returncode == 1
    assert "may hold" in refused.stderr


# indexes --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def text(source: Path) -> str:
    """The text of a migrations.sql with a step of indexes after the present ones."""
    (source / f"steps/{NUMBER:04}_more_indexes.sql").write_text(INDEXES)
    spec = importlib.util.spec_from_file_location("sql_build", source / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    built: str = module.build(source)
    return built


@pytest.fixture
def next_release(text: str, monkeypatch: pytest.MonkeyPatch) -> Migrations:
    """That file is the server's."""
    release = parse(text)
    monkeypatch.setattr(migrate, "migrations", lambda: release)
    monkeypatch.setattr(migrate, "PAUSE", 0.05)
    return release


@pytest.fixture
def conversation(database_url: str) -> Iterator[tuple[PostgresStorage, Caller, str]]:
    """A storage, a user, and a conversation with a message."""
    storage = PostgresStorage(Config(), database_url)
    storage._pool.open()
    ann = Caller(storage.create_user("ann")["id"])
    conversation_id = storage.create_conversation(ann, {"name": "a group", "participant_ids": []}).result["id"]
    storage.send_message(ann, conversation_id, {"message": "hello", "client_id": None})
    yield storage, ann, conversation_id
    storage.close()


@contextmanager
def writer(url: str) -> Iterator[psycopg.Connection]:
    """Somebody who has written a message into a conversation of their own and idles in the transaction."""
    with psycopg.connect(url) as connection:
        connection.execute("with u as (insert into users (username) values ('bob') returning id), c as ("
            "insert into conversations (name, owner_user_id) select 'own', id from u returning id, owner_user_id) "
            "insert into messages (conversation_id, user_id, message, seq, version) "
            "select id, owner_user_id, 'hi', 1, 2 from c")  # fmt: skip
        yield connection


def states(sql: Sql) -> list[Any]:
    """Return the new indexes, and whether each is valid."""
    return sql(
        "select indexrelid::regclass::text, indisvalid from pg_index "
        "where indexrelid::regclass::text in ('messages_gone', 'messages_once') order by 1"
    )


def being_made(sql: Sql) -> list[Any]:
    return sql("select pid from pg_stat_progress_create_index where datname = current_database() and index_relid <> 0")


MADE = [("messages_gone", True), ("messages_once", True)]


def test_indexes_are_made_while_others_write(
    next_release: Migrations, conversation: tuple[PostgresStorage, Caller, str], sql: Sql, database_url: str
) -> None:
    storage, ann, id = conversation
    with ThreadPoolExecutor(1) as threads:
        with writer(database_url) as other:
            upgrading = threads.submit(storage.migrate)
            wait_until(lambda: being_made(sql) != [], upgrading)
            for _ in range(3):  # it waits for that writer; nobody waits for it
                storage.send_message(ann, id, {"message": "hello", "client_id": None})
            assert sql("select version from chat_schema") == [(NUMBER - 1,)]
            other.commit()
        assert upgrading.result() == f"The schema was brought up to version {NUMBER}."
    assert states(sql) == MADE
    assert sql("select version from chat_schema") == [(NUMBER,)]
    assert "up to date" in storage.migrate()


def test_an_interrupted_index_is_made_anew(
    next_release: Migrations, conversation: tuple[PostgresStorage, Caller, str], sql: Sql, database_url: str
) -> None:
    storage, _, _ = conversation
    interrupt(storage, sql, database_url)
    assert "brought up" in storage.migrate()
    assert states(sql) == MADE


def interrupt(storage: PostgresStorage, sql: Sql, url: str) -> None:
    """Leave an index behind that is half made."""
    with ThreadPoolExecutor(1) as threads, writer(url):
        upgrading = threads.submit(storage.migrate)
        wait_until(lambda: being_made(sql) != [], upgrading)
        ((pid,),) = being_made(sql)
        sql("select pg_cancel_backend(%s)", pid)
        with pytest.raises(StartupError, match="could not be applied"):
            upgrading.result()
    assert states(sql) == [("messages_gone", False)]
    assert sql("select version from chat_schema") == [(NUMBER - 1,)]


def test_the_pasted_file_makes_them_plainly(
    text: str,
    next_release: Migrations,
    conversation: tuple[PostgresStorage, Caller, str],
    sql: Sql,
    database_url: str,
    make_database: Callable[..., str],
) -> None:
    interrupt(conversation[0], sql, database_url)
    apply_file(database_url, text)
    assert states(sql) == MADE
    fresh_url = make_database("template0")
    assert "brought up" in PostgresStorage(Config(), fresh_url).migrate()
    definitions = "select indexdef from pg_indexes where schemaname = 'public' order by 1"
    with psycopg.connect(fresh_url) as fresh:
        assert fresh.execute(definitions).fetchall() == sql(definitions)


def test_two_servers_make_them_at_once(
    next_release: Migrations, conversation: tuple[PostgresStorage, Caller, str], sql: Sql
) -> None:
    for _ in range(5):
        with ThreadPoolExecutor(2) as threads:
            assert all(threads.map(lambda _: conversation[0].migrate(), range(2)))
        assert states(sql) == MADE
        assert sql("select version from chat_schema") == [(NUMBER,)]
        sql("drop index messages_gone, messages_once")
        sql("update chat_schema set version = version - 1")


def test_rows_that_a_unique_index_refuses_are_told(
    source: Path, conversation: tuple[PostgresStorage, Caller, str], sql: Sql, next_release: Migrations
) -> None:
    storage, ann, id = conversation
    storage.send_message(ann, id, {"message": "hello", "client_id": None})
    sql("drop index messages_seq")
    sql("update messages set created_at = now(), seq = 1")
    with pytest.raises(StartupError, match="messages_once"):
        storage.migrate()
    assert sql("select version from chat_schema") == [(NUMBER - 1,)]
