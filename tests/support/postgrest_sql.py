"""What the stand-in for PostgREST does in the database: PostgREST's own SQL, statuses and error objects."""

import json
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import psycopg
from psycopg import sql

#: The status of a SQLSTATE, or of its class; 400 for every other.
STATUS = {
    **dict.fromkeys(("23503", "23505"), 409),
    **dict.fromkeys(("42883", "42P01"), 404),
    **dict.fromkeys(("08", "53", "57P01"), 503),
    **dict.fromkeys(("0L", "0P", "28", "42501"), 403),
    **dict.fromkeys(("09", "25", "2D", "38", "39", "3B", "40", "42P17", "53400", "54"), 500),
    **dict.fromkeys(("55", "57", "58", "F0", "HV", "P0", "XX"), 500),
    "25006": 405,
    "P0001": 400,
}

FIND_FUNCTION = """
    select proargnames, array(select format_type(type, null) from unnest(proargtypes) type), pronargdefaults,
           prorettype = 'void'::regtype, proretset, provolatile <> 'v'
    from pg_proc where pronamespace = 'public'::regnamespace and proname = %s and prokind = 'f'
"""


class Answer(NamedTuple):
    """What goes over the wire; the reason phrase is the usual one unless it is given."""

    status: int
    body: str = ""
    reason: str | None = None


class Refusal(Exception):
    """An error of PostgREST itself, or of the gateway in front of it."""

    def __init__(self, status: int, code: str | None, message: str, details: str | None = None) -> None:
        super().__init__(message)
        self.answer = error_answer(status, code, message, details)


class Function(NamedTuple):
    """One SQL function: the types of its parameters by name, how many have defaults, what it returns."""

    types: dict[str, str]
    defaults: int
    is_void: bool
    is_set: bool
    is_read_only: bool

    def takes(self, given: set[str]) -> bool:
        required = list(self.types)[: len(self.types) - self.defaults]
        return given.issuperset(required) and given.issubset(self.types)


def error_answer(
    status: int, code: str | None, message: str | None, details: str | None = None, hint: str | None = None
) -> Answer:
    """Return PostgREST's error object; an error that a function raised as PTnnn makes its message the reason phrase."""
    body = {"code": code, "details": details, "hint": hint, "message": message}
    reason = message if code and code.startswith("PT") else None
    return Answer(status, json.dumps(body, ensure_ascii=False, separators=(",", ":")), reason)


def database_error(error: psycopg.Error, role: str) -> Answer:
    """Return the answer to an error of PostgreSQL, `role` being who caused it."""
    code = error.sqlstate
    if code is None:
        return error_answer(503, "PGRST001", "Database client error. Retrying the connection.", str(error))
    if code.startswith("PT"):
        status = int(code[2:])
    elif code == "42501" and role == "anon":
        status = 401
    else:
        status = STATUS.get(code) or STATUS.get(code[:2], 400)
    return error_answer(status, code, error.diag.message_primary, error.diag.message_detail, error.diag.message_hint)


def create_roles(connection: psycopg.Connection) -> None:
    """Make Supabase's roles and default privileges: what is created from now on is open to all of them."""
    for role in ("anon", "authenticated", "service_role bypassrls"):
        connection.execute(
            f"do $$ begin create role {role}; exception when duplicate_object or unique_violation then null; end $$"
        )
    roles = "anon, authenticated, service_role"
    connection.execute(f"grant usage on schema public to {roles}")
    for objects in ("tables", "sequences", "functions"):
        connection.execute(f"alter default privileges in schema public grant all on {objects} to {roles}")


def call_function(connection: psycopg.Connection, name: str, body: bytes) -> Answer:
    """Run a function with the named arguments of a JSON object, in the transaction that is open."""
    given = arguments(body)
    candidates = [
        Function(dict(zip(names or (), types, strict=False)), *rest)
        for names, types, *rest in connection.execute(FIND_FUNCTION, (name,), prepare=True)
    ]
    matching = [function for function in candidates if function.takes(set(given))]
    if not matching:
        raise no_function(name, sorted(given))
    if len(matching) > 1:
        raise Refusal(300, "PGRST203", f"Could not choose the best candidate function between: public.{name}")
    function = matching[0]
    if function.is_read_only:
        connection.execute("set transaction read only")
    text = connection.execute(call_sql(name, function, given), (body.decode() or "{}",), prepare=True).fetchone()[0]
    return Answer(204) if function.is_void else Answer(200, text)


def arguments(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refusal(400, "PGRST102", "Empty or invalid json")
    return given


def no_function(name: str, given: list[str]) -> Refusal:
    names = ", ".join(given)
    called, searched = f"({names})", f" with parameter{'s' if len(given) > 1 else ''} {names}"
    if not given:
        called = searched = " without parameters"
    return Refusal(
        404,
        "PGRST202",
        f"Could not find the function public.{name}{called} in the schema cache",
        f"Searched for the function public.{name}{searched} or with a single unnamed json/jsonb parameter, "
        "but no matches were found in the schema cache.",
    )


def call_sql(name: str, function: Function, given: dict[str, Any]) -> sql.Composed:
    """Return PostgREST's query: the body becomes a record of the declared types, its fields the arguments."""
    columns = [sql.SQL("{} {}").format(sql.Identifier(each), sql.SQL(function.types[each])) for each in given]
    record = sql.SQL("json_to_record(%s::json) as _args({})") if given else sql.SQL("(select %s::json) as _args")
    return sql.SQL("select coalesce({}, {})::text from {}, lateral (select public.{}({}) as result) as _call").format(
        sql.SQL("json_agg(_call.result)" if function.is_set else "json_agg(_call.result) -> 0"),
        sql.Literal("[]" if function.is_set else "null"),
        record.format(sql.SQL(", ").join(columns)),
        sql.Identifier(name),
        sql.SQL(", ").join(sql.SQL("{0} => _args.{0}").format(sql.Identifier(each)) for each in given),
    )


def use_table(connection: psycopg.Connection, method: str, table: str, query: str, body: bytes) -> Answer:
    """Read or write a table; of the query only the filters `column=eq.value` are known."""
    name = sql.Identifier("public", table)
    filters = [(column, value[3:]) for column, value in parse_qsl(query) if value.startswith("eq.")]
    where = sql.SQL(" and ").join(
        [sql.SQL("true"), *(sql.SQL("{} = %s").format(sql.Identifier(c)) for c, _ in filters)]
    )
    values: list[Any] = [value for _, value in filters]
    if method == "GET":
        rows = sql.SQL("select coalesce(json_agg(row), '[]')::text from (select * from {} where {}) row").format(
            name, where
        )
        return Answer(200, connection.execute(rows, values).fetchone()[0])
    if method == "DELETE":
        connection.execute(sql.SQL("delete from {} where {}").format(name, where), values)
        return Answer(204)
    given = arguments(body)
    columns = sql.SQL(", ").join(map(sql.Identifier, given))
    record = sql.SQL("select {} from json_populate_record(null::{}, %s::json)").format(columns, name)
    if method == "PATCH":
        update = sql.SQL("update {} set ({}) = ({}) where {}").format(name, columns, record, where)
        connection.execute(update, [body.decode(), *values])
        return Answer(204)
    connection.execute(sql.SQL("insert into {} ({}) {}").format(name, columns, record), [body.decode()])
    return Answer(201)
