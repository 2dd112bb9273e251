"""A stand-in for PostgREST, as it is reached at Supabase, so that the API driver is tested over HTTP.

It answers `POST /rest/v1/rpc/<function>` on a real PostgreSQL as PostgREST 14 does: the same SQL, the
same transaction under the role of the key, the same statuses and error objects. Tables can be read and
written by `/rest/v1/<table>` just far enough to show who may not.

    python -m tests.support.postgrest DATABASE_URL PORT

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
from typing import Any
from urllib.parse import unquote, urlsplit

import jwt
import psycopg

from .postgrest_sql import Answer, Refusal, call_function, create_roles, database_error, use_table

HOUR = 3600


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
