"""Statements are prepared where nothing stands between the server and its database, and only there."""

from typing import Any

import psycopg
import pytest

from chat.config import Config
from chat.storage.postgres import PREPARE_THRESHOLD, PostgresStorage
from tests.storage.test_databases import needs_pgbouncer
from tests.support.system_postgres import transaction_pooler

TWICE = "create function public.chat_twice(p_text text) returns text language sql as $$ select p_text || p_text $$"
THRICE = """
    drop function public.chat_twice(text);
    create function public.chat_twice(p_text text, p_more text default '') returns text language sql
    as $$ select p_text || p_text || p_text $$
"""


def opened(url: str) -> PostgresStorage:
    storage = PostgresStorage(Config(storage_pool_size=1), url)
    storage.open()
    return storage


def call_often(storage: PostgresStorage) -> set[str]:
    return {storage.call_text("chat_twice", p_text="ab") for _ in range(PREPARE_THRESHOLD + 2)}


def prepared(storage: PostgresStorage) -> list[Any]:
    with storage._pool.connection() as connection:
        return connection.execute("select statement from pg_prepared_statements where statement ~ 'twice'").fetchall()


def test_a_statement_is_prepared_on_a_direct_connection(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(TWICE)
    storage = opened(database_url)
    assert call_often(storage) == {"abab"}
    assert len(prepared(storage)) == 1
    storage.close()


def test_an_upgrade_of_the_function_is_seen_by_who_has_prepared_it(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(TWICE)
        storage = opened(database_url)
        assert call_often(storage) == {"abab"}
        connection.execute(THRICE)
        assert call_often(storage) == {"ababab"}
    storage.close()


def test_nothing_is_prepared_where_another_process_answers(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(TWICE)
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", 1)  # which a pooler makes up
    storage = opened(database_url)
    assert call_often(storage) == {"abab"}
    assert prepared(storage) == []
    storage.close()


@needs_pgbouncer
def test_nothing_is_prepared_behind_a_transaction_pooler(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(TWICE)
    with transaction_pooler(database_url) as url:
        storage = opened(url)
        assert call_often(storage) == {"abab"}
        assert prepared(storage) == []
        storage.close()
