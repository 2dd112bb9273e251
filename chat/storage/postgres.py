"""The driver for any PostgreSQL: psycopg and a pool of connections, also behind a transaction pooler."""

import time
from contextlib import suppress
from functools import cache
from typing import Any

import psycopg
from psycopg import waiting
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool, PoolTimeout

from ..config import Config
from ..errors import ConfigError, StartupError, StorageUnavailable
from ..green import wait_for
from .contract import Storage, to_error
from .migrate import migrate

#: Seconds that a database has to cancel a statement; a little more than it may take itself.
CANCEL_TIMEOUT = 1.0

#: Executions of a statement on one connection after which it is prepared there, where no pooler stands between: a
#: transaction pooler gives each statement another server.
PREPARE_THRESHOLD = 3

#: Does nothing behind a pooler, which lends the same connection to others: there the process that answers is not the
#: one that was connected to.
SET_STATEMENT_TIMEOUT = "select set_config('statement_timeout', %(ms)s, false) where pg_backend_pid() = %(pid)s"
SET_CLIENT_CHECK = (
    "select set_config('client_connection_check_interval', %(ms)s, false) where pg_backend_pid() = %(pid)s"
)


class Connection(psycopg.Connection[Any]):
    """A connection that waits for an answer for `seconds`, then cancels the statement.

    Time-outs of the server do not help when the server hangs, and a transaction pooler passes no
    session setting on: so the client watches the clock.
    """

    seconds: float | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return _run(gen, self.pgconn.socket, self.seconds if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:
            return self._cancel_and_wait(gen)

    def _cancel_and_wait(self, gen: Any) -> Any:
        """Return the answer if it comes all the same. Raises `QueryCanceled`; the connection stays of use if it can.

        A connection that is only closed would leave its statement running, and committing.
        """
        try:
            self.cancel_safe(timeout=CANCEL_TIMEOUT)
            return _run(gen, self.pgconn.socket, CANCEL_TIMEOUT)
        except psycopg.errors.QueryCanceled:
            raise
        except psycopg.OperationalError:  # it does not answer to this either
            self.close()
            raise psycopg.errors.QueryCanceled("no answer in time") from None


def _run(gen: Any, fileno: int, seconds: float | None) -> Any:
    """Run one of psycopg's generators to its end and return its result: it yields what it waits for at the socket.

    psycopg's own function waits in slices, by a `select` that costs as much as a query. Raises `_WaitTimeout`.
    """
    end = None if seconds is None else time.monotonic() + seconds
    try:
        awaited = next(gen)
        while True:
            left = None if end is None else end - time.monotonic()
            ready = wait_for(fileno, awaited & waiting.WAIT_R, awaited & waiting.WAIT_W, left)
            if not ready:
                raise psycopg.errors._WaitTimeout("no answer in time")
            awaited = gen.send(ready)
    except StopIteration as done:
        return done.value


class PostgresStorage(Storage):
    """Storage over a pool of direct connections."""

    def __init__(self, config: Config, database_url: str) -> None:
        self._timeout = config.storage_timeout
        self._connect_timeout = max(2, int(config.storage_timeout))
        self._url = _readable(database_url)
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            database_url,
            connection_class=Connection,
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,  # until `_configure` knows better
                "connect_timeout": self._connect_timeout,
                "application_name": "chat",
            },
            min_size=1,
            max_size=config.storage_pool_size,
            timeout=self._timeout,
            reconnect_timeout=0,
            reconnect_failed=_refuse_waiting,
            configure=self._configure,
            check=self._check,
            open=False,
        )

    def open(self) -> None:
        self.migrate()
        self._pool.open()

    def close(self) -> None:
        self._pool.close()

    def direct_url(self) -> str:
        return self._url

    def call_text(self, function: str, **args: Any) -> str:
        end = time.monotonic() + self._timeout
        values = {name: _adapt(value) for name, value in args.items()}
        try:
            with self._pool.connection() as connection:
                connection.seconds = max(end - time.monotonic(), 0.1)  # what waiting for the connection has left over
                row = connection.execute(_statement(function, tuple(args)), values).fetchone()
                assert row is not None
                return row[0] or "null"  # where SQL has no value
        except PoolTimeout as error:
            raise StorageUnavailable() from error
        except psycopg.Error as error:
            raise _failure(error) from error

    def migrate(self) -> str:
        try:
            with Connection.connect(self._url, autocommit=True, connect_timeout=self._connect_timeout) as connection:
                if connection.info.server_version < 150000:
                    raise StartupError("The database must be PostgreSQL 15 or newer.")
                return migrate(connection)
        except psycopg.Error as error:
            if error.sqlstate is None:  # not from the database
                raise StartupError(f"The database cannot be reached: {_one_line(error)}.") from None
            raise StartupError(f"The schema could not be applied: {_one_line(error)}.") from None

    def _configure(self, connection: Connection) -> None:
        """Let PostgreSQL give up by itself when we are gone, or could not cancel what took too long."""
        connection.seconds = self._timeout
        pid = connection.info.backend_pid
        milliseconds = round((self._timeout + CANCEL_TIMEOUT) * 1000)
        is_direct = connection.execute(SET_STATEMENT_TIMEOUT, {"ms": str(milliseconds), "pid": pid}).fetchone()
        connection.prepare_threshold = PREPARE_THRESHOLD if is_direct else None
        with suppress(psycopg.errors.InvalidParameterValue):  # PostgreSQL on Windows cannot look
            connection.execute(SET_CLIENT_CHECK, {"ms": "1000", "pid": pid})

    def _check(self, connection: Connection) -> None:
        """Refuse a pooled connection that the server has closed meanwhile, at the price of two system calls.

        A database that restarts leaves dead connections in the pool, which must be found out before a write is sent
        that nobody could say the fate of.
        """
        try:
            connection.pgconn.consume_input()  # what the server said at last, if anything
            connection.pgconn.consume_input()  # the end of the file, which raises
        except psycopg.OperationalError:
            self._pool.drain()  # the others are dead as well, and the pool would wait longer and longer after each
            raise


def _refuse_waiting(pool: ConnectionPool[Connection]) -> None:
    """Tell those who wait for a connection that the database cannot be reached.

    The pool tries again when somebody new asks, and would let the others wait until their time is over.
    """
    with pool._lock:
        waiting = list(pool._waiting) if pool._nconns == 0 else []
    for each in waiting:
        each.fail(PoolTimeout())


def _readable(database_url: str) -> str:
    """Return the URL if libpq can read it. Raises `ConfigError`, not in libpq's words: they would show the password."""
    try:
        host = conninfo_to_dict(database_url).get("host") or ""
    except psycopg.ProgrammingError:
        host = "@"
    if "@" in str(host):
        raise ConfigError("DATABASE_URL cannot be read: write special characters of its password as %XX, @ as %40.")
    return database_url


@cache
def _statement(function: str, names: tuple[str, ...]) -> bytes:
    """Return the statement that calls a function with named arguments; PostgreSQL chooses a function by them."""
    arguments = ", ".join(f"{name} => %({name})s" for name in names)
    return f"select public.{function}({arguments})::text".encode()


def _adapt(value: Any) -> Any:
    """Return an argument as psycopg passes it: objects, and lists of objects, as `jsonb`, other lists as arrays."""
    first = value[0] if isinstance(value, list) and value else value
    return Jsonb(value) if isinstance(first, dict) else value


def _failure(error: psycopg.Error) -> Exception:
    if error.sqlstate is None:  # from the driver itself: the connection broke, or could not be made
        return StorageUnavailable() if isinstance(error, psycopg.OperationalError) else error
    diagnosis = error.diag
    return to_error(error.sqlstate, diagnosis.message_primary or "", diagnosis.message_detail, diagnosis.message_hint)


def _one_line(error: psycopg.Error) -> str:
    text = error.diag.message_primary or str(error).partition("\n")[0]
    if error.diag.message_detail:
        text += f" ({error.diag.message_detail.rstrip('.')})"
    return " ".join(text.split()).rstrip(".")
