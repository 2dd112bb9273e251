"""How a server applies `migrations.sql`: refused, failing, at once, under load, with few rights."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from chat.auth import Caller
from chat.config import Config
from chat.errors import StartupError
from chat.storage.migrations import PATH as MIGRATIONS
from chat.storage.migrations import migrations
from chat.storage.postgres import PostgresStorage
from tests.schema.test_migrations import TUTORIAL, UUID_FUNCTION
from tests.support.schema_dump import rows_of, schema_of

#: What may stand in the way of the migration, and what the operator is told about it.
OBSTACLES = {
    "a view of the user's own on a column that changes": (
        f"{UUID_FUNCTION}; {TUTORIAL}; insert into users (username, created_at) values ('ann', now());"
        "create view newest as select max(created_at) from messages",
        "cannot alter type of a column used by a view",
    ),
    "a table named users of another shape": (
        "create table users (id bigint primary key, email text)",
        'column "id" is of type bigint',
    ),
    "a table named messages without the columns": (
        "create table messages (id uuid primary key, body text)",
        'column "created_at" of relation "messages" does not exist',
    ),
    "a view named conversations": ("create view conversations as select 1 as id", "type integer"),
}


def migrate(url: str) -> str:
    return PostgresStorage(Config(), url).migrate()


def forget_hash(url: str) -> None:
    """Make the next start apply the file again, as after an upgrade of the server."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("update public.chat_schema set functions_hash = null")


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_a_step_that_fails_changes_nothing_and_says_why(obstacle: str, make_database: Callable[..., str]) -> None:
    made, reason = OBSTACLES[obstacle]
    url = make_database("template0")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(made)  # type: ignore[call-overload]
    schema, rows = schema_of(url), rows_of(url)
    with pytest.raises(StartupError) as told:
        migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop table chat_schema")  # made before the first step
    sentence = str(told.value)
    assert sentence.startswith("The schema could not be applied: ")
    assert reason in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert schema_of(url) == schema
    assert rows_of(url) == rows


def test_a_function_of_somebody_else_is_left_alone(database_url: str) -> None:
    forget_hash(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create function chat_cry() returns integer language sql as 'select 1'")
        connection.execute("create view cries as select chat_cry()")
        migrate(database_url)
        assert connection.execute("select * from cries").fetchone() == (1,)


def test_a_lock_that_somebody_holds_is_not_told_as_a_database_out_of_reach(database_url: str) -> None:
    forget_hash(database_url)
    impatient = f"{database_url}&options=-c%20lock_timeout%3D50ms"
    with psycopg.connect(database_url) as connection:
        connection.execute("lock table public.chat_schema")
        with pytest.raises(StartupError, match=r"could not be applied: canceling statement due to lock timeout\.$"):
            migrate(impatient)


def test_a_newer_schema_is_refused(database_url: str, sql: Callable[..., list[Any]]) -> None:
    known = migrations().version
    sql("update public.chat_schema set version = %s, oldest_code = %s", known + 1, known + 1)
    schema, rows = schema_of(database_url), rows_of(database_url)
    with pytest.raises(StartupError, match=rf"version {known + 1} and this release knows {known}.*newer release"):
        migrate(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        with pytest.raises(psycopg.Error, match="schema_too_new"):
            connection.execute(MIGRATIONS.read_text())  # type: ignore[call-overload]
    assert schema_of(database_url) == schema
    assert rows_of(database_url) == rows


def test_an_old_postgresql_is_refused(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psycopg.ConnectionInfo, "server_version", 140012)
    with pytest.raises(StartupError, match="PostgreSQL 15 or newer"):
        migrate(database_url)


def test_servers_that_start_at_once_migrate_in_turn(make_database: Callable[..., str]) -> None:
    url = make_database("template0")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(UUID_FUNCTION)
        connection.execute(TUTORIAL)  # type: ignore[call-overload]
        connection.execute("insert into users (username, created_at) values ('ann', now())")
    with ThreadPoolExecutor(4) as servers:
        told = list(servers.map(migrate, [url] * 4))
    version = migrations().version
    assert all(f"version {version}" in each for each in told)
    assert migrate(url) == f"The schema is up to date (version {version})."


def test_messages_are_sent_while_the_schema_is_applied_again(database_url: str) -> None:
    storage = PostgresStorage(Config(), database_url)
    storage.open()
    ann, bob = (Caller(storage.create_user(name)["id"]) for name in ("ann", "bob"))
    conversation_id = storage.create_conversation(ann, {"name": "a group", "participant_ids": [bob.user_id]}).result[
        "id"
    ]
    over = threading.Event()

    def use(actor: Caller) -> int:
        done = 0
        while not over.is_set():
            storage.send_message(actor, conversation_id, {"message": "hello", "client_id": str(uuid4())})
            storage.list_messages(actor, conversation_id, 10)
            storage.list_messages(None, conversation_id, 10)
            storage.list_conversations(actor, 10, 10)
            storage.update_receipt(actor, conversation_id, {"read_seq": 2**40})
            storage.sync(actor, {conversation_id: 1}, None, 10)
            done += 1
        return done

    with ThreadPoolExecutor(4) as users:
        at_work = [users.submit(use, actor) for actor in (ann, bob, ann, bob)]
        try:
            for _ in range(5):
                forget_hash(database_url)
                migrate(database_url)
        finally:
            over.set()
        sent = sum(each.result() for each in at_work)
    assert sent > 0
    info = storage.list_messages(ann, conversation_id, 1).info
    assert info["last_seq"] == sent
    storage.close()


def test_a_role_that_may_not_create_extensions_migrates_without_trigrams(
    make_database: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    url = make_database("template0")
    role = f"role_{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create role {role} login")  # type: ignore[call-overload]
        connection.execute(f"grant create, usage on schema public to {role}")  # type: ignore[call-overload]
    try:
        storage = PostgresStorage(Config(), url.replace("postgres@", f"{role}@", 1))
        storage.open()
        assert [text.partition(" (")[0] for text in caplog.messages] == ["migration: pg_trgm is not available"]
        users = [storage.create_user(name)["id"] for name in ("ann", "Hannah", "bob")]
        assert users[1] in storage.search_users(Caller(users[0]), "ANN")
        assert "bob" not in storage.search_users(Caller(users[0]), "ANN")
        storage.close()
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"drop owned by {role}")  # type: ignore[call-overload]
            connection.execute(f"drop role {role}")  # type: ignore[call-overload]


def test_tables_of_another_role_are_refused_with_a_sentence(database_url: str) -> None:
    forget_hash(database_url)
    role = f"role_{uuid4().hex}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create role {role} login")  # type: ignore[call-overload]
        connection.execute(f"grant create, usage on schema public to {role}")  # type: ignore[call-overload]
        connection.execute(f"grant select on public.chat_schema to {role}")  # type: ignore[call-overload]
        try:
            with pytest.raises(StartupError, match="could not be applied: must be owner of"):
                migrate(database_url.replace("postgres@", f"{role}@", 1))
        finally:
            connection.execute(f"drop owned by {role}")  # type: ignore[call-overload]
            connection.execute(f"drop role {role}")  # type: ignore[call-overload]


def test_a_session_without_a_search_path_migrates(make_database: Callable[..., str]) -> None:
    url = make_database("template0")
    name = conninfo_to_dict(url)["dbname"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"alter database {name} set search_path = ''")  # type: ignore[call-overload]
    storage = PostgresStorage(Config(), url)
    storage.open()
    assert storage.create_user("ann")["username"] == "ann"
    storage.close()
