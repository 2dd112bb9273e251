"""Plans that a session made while the database was small, and keeps until PostgreSQL counts again."""

from collections.abc import Callable

import psycopg
import pytest

from .test_cost import CALLS, MESSAGES, cost, fill

#: Of fifty rows one: as many messages as there are when PostgreSQL first counts them.
PART = 50


def test_plans_made_when_the_database_was_small_serve_a_big_one(
    make_database: Callable[..., str], subtests: pytest.Subtests
) -> None:
    with psycopg.connect(make_database()) as connection:
        settings = connection.execute("select reloptions from pg_class where oid = 'messages'::regclass").fetchone()
        assert settings is not None
        assert f"autovacuum_analyze_threshold={MESSAGES // PART}" in settings[0]
        connection.execute(fill(f"(n <= 12 or n % {PART} = 0)"))  # type: ignore[call-overload]
        connection.execute("analyze")
        connection.execute("set plan_cache_mode = force_generic_plan")
        for call, _ in CALLS.values():
            cost(connection, call)
        connection.execute(fill())  # type: ignore[call-overload]
        for name, (call, most_rows) in CALLS.items():
            with subtests.test(name):
                found = cost(connection, call)
                assert found.rows <= most_rows
                assert found.blocks <= 3 * most_rows + 100  # some are of what the first calls wrote and took back
        connection.rollback()
