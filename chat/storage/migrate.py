"""Brings a database's schema up to date while servers work on it."""

import logging
import time
from typing import NamedTuple

import psycopg
from psycopg.sql import SQL

from ..errors import StartupError
from .migrations import Part, migrations

log = logging.getLogger(__name__)

#: Seconds in which a part is tried again that did not get its lock; each try blocks others for 3 s at most.
PATIENCE = 60.0
#: Seconds between two tries, in which those who waited behind the lock go on.
PAUSE = 1.0


class Stamp(NamedTuple):
    """What a database says of its schema; `oldest_code` is the oldest version of code that it serves."""

    version: int
    functions_hash: str | None
    oldest_code: int | None


def migrate(connection: psycopg.Connection) -> str:
    """Apply what the database lacks of migrations.sql, and return a sentence on it. Raises `StartupError`.

    `connection` is in autocommit mode. Nothing is locked where nothing has changed.
    """
    wanted = migrations()
    found = _stamp(connection)
    if found and found.version > wanted.version:
        return _check_newer(found)
    if found and found.version == wanted.version and found.functions_hash == wanted.functions_hash:
        return f"The schema is up to date (version {wanted.version})."
    connection.add_notice_handler(lambda notice: log.warning("migration: %s", notice.message_primary))
    for part in wanted.parts:
        if part.kind != "step" or not found or int(part.name) > found.version:
            _apply(connection, part)
    return f"The schema was brought up to version {wanted.version}."


def _check_newer(found: Stamp) -> str:
    """Return a sentence when the newer schema serves this release too. Raises `StartupError` when it does not."""
    version = migrations().version
    if found.oldest_code is not None and found.oldest_code <= version:
        return f"The schema is of a newer release (version {found.version}), which serves this one too."
    raise StartupError(
        f"The database has schema version {found.version} and this release knows {version}: "
        "it was made by a newer release; upgrade the server."
    )


def _stamp(connection: psycopg.Connection) -> Stamp | None:
    """Return the database's stamp, None without the schema. The columns came later than the table."""
    if connection.execute("select to_regclass('public.chat_schema')").fetchone() == (None,):
        return None
    row = connection.execute("select to_json(s) from public.chat_schema as s").fetchone()
    return Stamp(row[0]["version"], row[0].get("functions_hash"), row[0].get("oldest_code")) if row else None


def _apply(connection: psycopg.Connection, part: Part) -> None:
    """Apply one part, again while another transaction holds a lock that it needs. Raises `StartupError`."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute(SQL(part.sql))  # type: ignore[arg-type]
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            connection.execute("rollback")
            if time.monotonic() > deadline:
                raise StartupError(
                    f"The schema could not be brought up to date, other connections keep it locked ({part.kind} "
                    f"{part.name}: {error.diag.message_primary}): end the transactions that pg_stat_activity shows as "
                    "idle in transaction, and start again."
                ) from None
            log.warning("migration: %s %s waits for a lock", part.kind, part.name)
            time.sleep(PAUSE)
        except psycopg.Error:
            if not connection.closed:
                connection.execute("rollback")
            raise
