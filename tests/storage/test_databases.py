"""Other databases than the embedded one: the oldest PostgreSQL that is supported, and one behind a pooler."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from chat.auth import Caller
from chat.config import Config
from chat.storage.postgres import PostgresStorage
from tests.conftest import make_conninfo_url
from tests.schema.test_migrations import TUTORIAL, UUID_FUNCTION
from tests.support import tour
from tests.support.schema_dump import rows_of, schema_of
from tests.support.system_postgres import PGBOUNCER, POSTGRES_15, postgres_15, transaction_pooler

needs_postgres_15 = pytest.mark.skipif(not (POSTGRES_15 / "initdb").exists(), reason="PostgreSQL 15 is not installed")
needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")


@pytest.fixture(scope="module")
def old_server() -> Iterator[str]:
    """The URL of a PostgreSQL 15."""
    with postgres_15() as url:
        yield url


@pytest.fixture
def old_url(old_server: str) -> str:
    """The URL of an empty database on PostgreSQL 15."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(old_server, autocommit=True) as connection:
        connection.execute(f"create database {name}")  # type: ignore[call-overload]
    return make_conninfo_url(old_server, name)


@needs_postgres_15
def test_postgresql_15_is_migrated_and_answers_like_the_embedded_one(database_url: str, old_url: str) -> None:
    embedded = PostgresStorage(Config(), database_url)
    embedded.open()
    expected = list(tour.take(embedded).answers)
    embedded.close()
    old = PostgresStorage(Config(), old_url)
    old.open()
    assert list(tour.take(old).answers) == expected
    old.close()


@needs_postgres_15
def test_on_postgresql_15_a_fresh_and_an_upgraded_database_have_the_same_schema(old_url: str) -> None:
    PostgresStorage(Config(), old_url).migrate()
    fresh = schema_of(old_url)
    with psycopg.connect(old_url, autocommit=True) as connection:
        connection.execute("drop schema public cascade")
        connection.execute("create schema public authorization pg_database_owner")
        connection.execute(UUID_FUNCTION)
        connection.execute(TUTORIAL)  # type: ignore[call-overload]
        connection.execute("insert into users (username, created_at) values ('ann', '2024-01-01')")
    PostgresStorage(Config(), old_url).migrate()
    with psycopg.connect(old_url, autocommit=True) as connection:
        connection.execute("drop function uuid_generate_v4()")
    assert schema_of(old_url) == fresh
    assert len(rows_of(old_url)["users"]) == 1


@needs_pgbouncer
def test_behind_a_transaction_pooler_everything_works(make_database: Callable[..., str], database_url: str) -> None:
    direct = PostgresStorage(Config(), database_url)
    direct.open()
    expected = list(tour.take(direct).answers)
    direct.close()
    with transaction_pooler(make_database("template0")) as url:
        pooled = PostgresStorage(Config(), url)
        pooled.open()
        assert list(tour.take(pooled).answers) == expected
        assert "up to date" in pooled.migrate()
        pooled.close()


@needs_pgbouncer
def test_behind_a_transaction_pooler_many_send_at_once(database_url: str) -> None:
    with transaction_pooler(database_url) as url:
        storage = PostgresStorage(Config(), url)
        storage.open()
        ann = Caller(storage.create_user("ann")["id"])
        conversation_id = storage.create_conversation(ann, {"name": "a group", "participant_ids": []}).result["id"]
        with ThreadPoolExecutor(8) as senders:
            drafts = [{"message": f"number {number}"} for number in range(100)]
            sent = senders.map(lambda draft: storage.send_message(ann, conversation_id, draft), drafts)
            assert sorted(each.result["seq"] for each in sent) == list(range(1, 101))
        storage.close()
