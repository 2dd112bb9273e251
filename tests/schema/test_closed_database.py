"""The database is closed by itself: who has the public key, or a signed-in user's token, gets at nothing.

Tables and functions are taken from the catalog, so that a new one cannot be forgotten. Both as Supabase sets its
projects up, with default privileges for everyone, and as plain PostgreSQL does.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import urllib3
from psycopg import sql as text

from chat.config import Config
from chat.storage.postgres import PostgresStorage
from tests.support.postgrest import PostgrestStandIn

TUTORIAL = Path(__file__).parents[1] / "support" / "tutorial_schema.sql"
PUBLIC_ROLES = ("anon", "authenticated")
SUPABASE_GRANTS = """
    grant usage on schema public to anon, authenticated, service_role;
    alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
    alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
    alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
"""
#: The tutorial's default for ids, which Supabase brings along.
UUID_FUNCTION = "create function uuid_generate_v4() returns uuid language sql as 'select gen_random_uuid()'"
WRITES = ("insert", "update", "delete", "truncate", "references", "trigger")


@pytest.fixture(params=["plain", "supabase", "tutorial at supabase"])
def url(request: pytest.FixtureRequest, make_database: Callable[..., str]) -> str:
    """A migrated database; those of Supabase had everything granted to everyone before."""
    url = make_database("template0")
    with psycopg.connect(url, autocommit=True) as connection:
        if request.param != "plain":
            connection.execute(SUPABASE_GRANTS)
        if request.param.startswith("tutorial"):
            connection.execute(UUID_FUNCTION)
            connection.execute(TUTORIAL.read_text())
            connection.execute("alter table users enable row level security")
            connection.execute("create policy everyone on users using (true) with check (true)")
            connection.execute("grant select (username) on users to anon")
            connection.execute("insert into users (id, username, created_at) values (gen_random_uuid(), 'ann', now())")
        if request.param == "plain":
            connection.execute("grant usage on schema public to anon, authenticated")
    PostgresStorage(Config(), url).migrate()
    return url


@pytest.fixture
def owner(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def tables(owner: psycopg.Connection, *kinds: str) -> list[str]:
    """Return every table, view and sequence of the schema, or those of these kinds."""
    found = owner.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind::text = any(%s)",
        (list(kinds or "rpvmS"),),
    )
    names = [name for (name,) in found]
    assert {"users", "conversations", "user_conversation", "messages", "chat_schema"} <= set(names)
    return names


def functions(owner: psycopg.Connection) -> list[tuple[str, list[str], list[str]]]:
    """Return name, parameter names and parameter types of every function of ours."""
    found = owner.execute(
        "select proname, coalesce(proargnames[1:pronargs], '{}'), "
        "array(select format_type(type, null) from unnest(proargtypes) type) "
        "from pg_proc where pronamespace = 'public'::regnamespace and proname like 'chat\\_%'"
    ).fetchall()
    assert len(found) > 20
    return found


@pytest.mark.parametrize("role", PUBLIC_ROLES)
def test_a_public_role_can_do_nothing_to_any_table(owner: psycopg.Connection, role: str) -> None:
    for table in tables(owner):
        name = text.Identifier("public", table)
        column = owner.execute(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 limit 1",
            (f"public.{table}",),
        ).fetchone()
        first = text.Identifier(column[0])
        for statement in (
            text.SQL("select {1} from {0}"),
            text.SQL("select count(*) from {0}"),
            text.SQL("insert into {0} default values"),
            text.SQL("update {0} set {1} = default"),
            text.SQL("delete from {0}"),
            text.SQL("truncate {0} cascade"),
            text.SQL("lock table {0}"),
        ):
            assert is_refused(owner, role, statement.format(name, first)), (table, statement)


@pytest.mark.parametrize("role", PUBLIC_ROLES)
def test_a_public_role_can_run_no_function(owner: psycopg.Connection, role: str) -> None:
    for name, _, types in functions(owner):
        arguments = text.SQL(", ").join(text.SQL("null::" + each) for each in types)
        call = text.SQL("select {}({})").format(text.Identifier("public", name), arguments)
        assert is_refused(owner, role, call), name


@pytest.mark.parametrize("role", PUBLIC_ROLES)
def test_a_public_role_holds_no_privilege_by_the_catalog(owner: psycopg.Connection, role: str) -> None:
    for table in tables(owner):
        for privilege in ("select", *WRITES):
            held = "select has_table_privilege(%s, %s, %s), has_any_column_privilege(%s, %s, %s)"
            of_columns = privilege if privilege in ("select", "insert", "update", "references") else "select"
            row = owner.execute(
                held, (role, f"public.{table}", privilege, role, f"public.{table}", of_columns)
            ).fetchone()
            assert row == (False, False), (table, privilege)
    may = "select proname from pg_proc where pronamespace = 'public'::regnamespace and proname like 'chat\\_%%' "
    assert owner.execute(may + "and has_function_privilege(%s, oid, 'execute')", (role,)).fetchall() == []


def test_row_level_security_would_hold_if_a_grant_came_back(owner: psycopg.Connection) -> None:
    """Someone clicks `grant` in a dashboard: still no row is seen, where no policy of theirs allows it."""
    names = [name for name in tables(owner, "r", "p") if name != "users"]
    for table in names:
        name = text.Identifier("public", table)
        owner.execute(text.SQL("grant all on {} to anon").format(name))
        with owner.transaction(force_rollback=True):
            owner.execute("set local role anon")
            assert owner.execute(text.SQL("select count(*) from {}").format(name)).fetchone() == (0,), table


def test_the_server_alone_runs_the_functions_it_calls_and_no_others(owner: psycopg.Connection) -> None:
    """The helpers, which check nothing, are for the functions that do."""
    rows = owner.execute(
        "select proname, prosecdef, has_function_privilege('service_role', oid, 'execute') "
        "from pg_proc where pronamespace = 'public'::regnamespace and proname like 'chat\\_%' "
        "and prorettype <> 'trigger'::regtype"
    ).fetchall()
    checked = [name for name, is_definer, may in rows if is_definer and not may]
    assert checked == []


def test_a_public_role_added_later_is_closed_out_by_the_next_migration(make_database: Callable[..., str]) -> None:
    url = make_database()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("grant all on users to anon; grant execute on function chat_get_schema() to public")
        owner.execute("update chat_schema set functions_hash = null")
        PostgresStorage(Config(), url).migrate()
        assert is_refused(owner, "anon", text.SQL("select username from users"))
        assert is_refused(owner, "anon", text.SQL("select chat_get_schema()"))


def is_refused(owner: psycopg.Connection, role: str, statement: text.Composable) -> bool:
    with owner.transaction(force_rollback=True):
        owner.execute(text.SQL("set local role {}").format(text.Identifier(role)))
        try:
            owner.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
        except psycopg.errors.WrongObjectType:  # no such statement for a sequence or a view
            return True
        return False


# the same through the API of a Supabase project


@pytest.fixture
def api(url: str) -> Iterator[PostgrestStandIn]:
    with PostgrestStandIn(url) as stand_in:
        yield stand_in


def headers(api: PostgrestStandIn, role: str) -> dict[str, str]:
    token = api.anon_key if role == "anon" else api.authenticated_token(str(uuid4()))
    return {"apikey": api.anon_key, "Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("role", PUBLIC_ROLES)
def test_the_public_key_gets_nothing_over_the_api(api: PostgrestStandIn, owner: psycopg.Connection, role: str) -> None:
    http = urllib3.PoolManager(retries=False)
    refused = 401 if role == "anon" else 403
    for table in tables(owner, "r", "p", "v", "m"):  # sequences are not in the API
        url = f"{api.url}/rest/v1/{table}"
        for method in "GET", "POST", "PATCH", "DELETE":
            body = None if method in ("GET", "DELETE") else {first_column(owner, table): None}
            response = http.request(method, url, json=body, headers=headers(api, role))
            assert (response.status, response.json()["code"]) == (refused, "42501"), (method, table, response.data)
    for name, parameters, _ in functions(owner):
        body = json.dumps(dict.fromkeys(parameters))
        response = http.request("POST", f"{api.url}/rest/v1/rpc/{name}", body=body, headers=headers(api, role))
        assert (response.status, response.json()["code"]) == (refused, "42501"), (name, response.data)


def first_column(owner: psycopg.Connection, table: str) -> str:
    query = (
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and attidentity = '' "
        "order by attnum limit 1"
    )
    row = owner.execute(query, (f"public.{table}",)).fetchone()
    assert row is not None
    return str(row[0])
