"""A stand-in for PostgREST, as it is reached at Supabase, so that the API driver is tested over HTTP.

It answers `POST /rest/v1/rpc/<function>` on a real PostgreSQL as PostgREST 14 does: the same SQL, the
same transaction under the role of the key, the same statuses and error objects. Tables can be read and
written by `/rest/v1/<table>` just far enough to show who may not.

    python tests/postgrest.py DATABASE_URL PORT

serves until SIGTERM or SIGINT and prints one line of JSON: url, service_role_key, anon_key.
"""

import json
import secrets
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import jwt
import psycopg
from psycopg import sql

HOUR = 3600

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
    parameters = f" with parameter{'s' if len(given) > 1 else ''} {names}" if given else " without parameters"
    return Refusal(
        404,
        "PGRST202",
        f"Could not find the function public.{name}{f'({names})' if given else ' without parameters'} in the schema cache",
        f"Searched for the function public.{name}{parameters} or with a single unnamed json/jsonb parameter, "
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


class Handler(BaseHTTPRequestHandler):
    """One HTTP connection, with its own connection to the database."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body of an answer leave together
    server: "Server"
    database: psycopg.Connection | None = None

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def finish(self) -> None:
        if self.database:
            self.database.close()
        super().finish()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            answer = self.answer(self.server.stand_in.claims(self.headers), body)
        except Refusal as refusal:
            answer = refusal.answer
        self.send(answer)

    do_GET = do_PATCH = do_DELETE = do_POST

    def answer(self, claims: dict[str, Any], body: bytes) -> Answer:
        role = claims.get("role", "anon")
        try:
            if self.database is None or self.database.closed:
                self.database = self.server.stand_in.connect()
            with self.database.transaction():
                return self.run(self.database, role, claims, body)
        except psycopg.Error as error:
            return database_error(error, role)

    def run(self, connection: psycopg.Connection, role: str, claims: dict[str, Any], body: bytes) -> Answer:
        path, query = urlsplit(self.path)[2:4]
        set_role = "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)"
        connection.execute(set_role, (role, json.dumps(claims)), prepare=True)
        match self.command, unquote(path).removeprefix("/rest/v1/").split("/"):
            case "POST", ["rpc", function]:
                return call_function(connection, function, body)
            case method, [table] if table:
                return use_table(connection, method, table, query, body)
        raise Refusal(404, "PGRST125", "Invalid path specified in request URL")

    def send(self, answer: Answer) -> None:
        content = answer.body.encode()
        reason = answer.reason and answer.reason.encode("ascii", "replace").decode()
        self.send_response(answer.status, reason)
        if answer.status != 204:
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the console belongs to the tests."""


class Server(ThreadingHTTPServer):
    """Answers each connection in a thread of its own, and can break them all off."""

    request_queue_size = 128
    daemon_threads = False  # so that closing waits for them

    def __init__(self, stand_in: "PostgrestStandIn", port: int) -> None:
        self.stand_in = stand_in
        self.sockets: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.sockets.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for each in list(self.sockets):
            each.shutdown(socket.SHUT_RDWR)
        super().server_close()


class PostgrestStandIn:
    """The API of one database. Serves between `start()` and `stop()`, or as a context manager.

    `statement_timeout` is what Supabase gives the role that PostgREST connects as.
    """

    def __init__(self, database_url: str, port: int = 0, statement_timeout: str = "8s") -> None:
        self._database_url = database_url
        self._options = f"-c search_path=public -c statement_timeout={statement_timeout}"
        self._secret = secrets.token_hex(32)
        self._port = port
        self.service_role_key = self._token(role="service_role", iss="supabase")
        self.anon_key = self._token(role="anon", iss="supabase")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def authenticated_token(self, user_id: str, seconds: int = HOUR) -> str:
        """Return what Supabase Auth gives to a user who has signed in, valid for `seconds`."""
        return self._token(seconds, role="authenticated", iss="supabase", aud="authenticated", sub=user_id)

    def start(self) -> None:
        with self.connect() as connection:
            create_roles(connection)
        self._server = Server(self, self._port)
        self._port = self._server.server_port  # kept for the next start
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        """End all connections, those of HTTP and those of the database."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> "PostgrestStandIn":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self._database_url, autocommit=True, options=self._options)

    def claims(self, headers: Any) -> dict[str, Any]:
        """Return the claims of the caller; without a token it is anon. Raises `Refusal`."""
        if not headers.get("apikey"):
            raise Refusal(401, None, "No API key found in request")
        self._decode(headers["apikey"])
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        return self._decode(token) if scheme.lower() == "bearer" else {"role": "anon"}

    def _decode(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(token, self._secret, ["HS256"], options={"verify_aud": False})
        except jwt.ExpiredSignatureError:
            raise Refusal(401, "PGRST303", "JWT expired") from None
        except jwt.InvalidTokenError:
            raise Refusal(401, "PGRST301", "No suitable key or wrong key type") from None

    def _token(self, seconds: int = 10 * 365 * 24 * HOUR, **claims: str) -> str:
        now = int(time.time())
        return jwt.encode({**claims, "iat": now, "exp": now + seconds}, self._secret, "HS256")


def main(database_url: str, port: str) -> None:
    stops = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    with PostgrestStandIn(database_url, int(port)) as api:
        told = {"url": api.url, "service_role_key": api.service_role_key, "anon_key": api.anon_key}
        print(json.dumps(told), flush=True)
        signal.sigwait(stops)


if __name__ == "__main__":
    main(*sys.argv[1:])
