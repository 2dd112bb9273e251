"""Brings a database's schema up to date while servers work on it."""

import logging
import time

import psycopg
from psycopg.sql import SQL

from ..errors import StartupError
from .contract import DeployedSchema
from .migrations import Index, Part, migrations

log = logging.getLogger(__name__)

#: Seconds in which a part is tried again that did not get its lock; each try blocks others for 3 s at most.
PATIENCE = 60.0
#: Seconds between two tries, in which those who waited behind the lock go on.
PAUSE = 1.0

#: Whether an index is valid, and whether somebody is making it now; no row where there is none.
INDEX_STATE = """
    select i.indisvalid, exists (
        select from pg_stat_progress_create_index as p
        where p.datname = current_database() and p.index_relid = i.indexrelid
    )
    from pg_index as i where i.indexrelid = to_regclass(%(name)s)
"""

#: What it may meet where another process makes the same index.
CROSSED = (psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable)

#: What PostgreSQL says, as an internal error, when somebody else changes the same row of a catalog: rights, an index.
CHANGED_MEANWHILE = "tuple concurrently updated"


def migrate(connection: psycopg.Connection) -> str:
    """Apply what the database lacks of migrations.sql, and return a sentence on it. Raises `StartupError`.

    `connection` is in autocommit mode. Nothing is locked where nothing has changed.
    """
    wanted = migrations()
    found = deployed_schema(connection)
    if found and found["version"] > wanted.version:
        return _check_newer(found)
    if found and found["version"] == wanted.version and found["functions_hash"] == wanted.functions_hash:
        return f"The schema is up to date (version {wanted.version})."
    connection.add_notice_handler(lambda notice: log.warning("migration: %s", notice.message_primary))
    for part in wanted.parts:
        is_step = part.kind in ("step", "indexes")
        if found and is_step and int(part.name) <= found["version"]:
            continue
        for index in part.indexes if found else []:  # a fresh database has no rows: the step makes them at once
            _make_index(connection, index)
        _apply(connection, part)
    return f"The schema was brought up to version {wanted.version}."


def _check_newer(found: DeployedSchema) -> str:
    """Return a sentence when the newer schema serves this release too. Raises `StartupError` when it does not."""
    wanted = migrations()
    if wanted.is_served_by(found):
        return f"The schema is of a newer release (version {found['version']}), which serves this one too."
    raise StartupError(
        f"The database has schema version {found['version']} and this release knows {wanted.version}: "
        "it was made by a newer release; upgrade the server."
    )


def deployed_schema(connection: psycopg.Connection) -> DeployedSchema | None:
    """Return what the database says of its schema, None without one. The columns came later than the table."""
    if connection.execute("select to_regclass('public.chat_schema')").fetchone() == (None,):
        return None
    row = connection.execute("select to_json(s) from public.chat_schema as s").fetchone()
    if row is None:
        return None
    stamp = row[0]
    return DeployedSchema(
        version=stamp["version"],
        functions_hash=stamp.get("functions_hash"),
        oldest_code=stamp.get("oldest_code"),
    )


def _make_index(connection: psycopg.Connection, index: Index) -> None:
    """Make an index, or wait until another process has made it; nobody else has to wait, however long it takes."""
    while True:
        state = connection.execute(INDEX_STATE, {"name": f"public.{index.name}"}).fetchone()
        is_valid, is_being_made = state or (False, False)
        if is_valid:
            return
        try:
            if is_being_made:
                time.sleep(PAUSE)
            elif state:  # somebody was interrupted
                connection.execute(SQL(f"drop index concurrently if exists public.{index.name}"))  # type: ignore[arg-type]
            else:
                connection.execute(SQL(index.sql))  # type: ignore[arg-type]
        except psycopg.Error as error:
            if error.diag.constraint_name == index.name:  # the rows are not unique
                raise
            if not (isinstance(error, CROSSED) or CHANGED_MEANWHILE in str(error)):
                raise
            time.sleep(PAUSE)


def _apply(connection: psycopg.Connection, part: Part) -> None:
    """Apply one part, again while another transaction holds a lock that it needs. Raises `StartupError`."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute(SQL(part.sql))  # type: ignore[arg-type]
            return
        except psycopg.Error as error:
            if not connection.closed:
                connection.execute("rollback")
            if not _passes(error):
                raise
            if time.monotonic() > deadline:
                raise StartupError(
                    f"The schema could not be brought up to date, other connections keep it locked ({part.kind} "
                    f"{part.name}: {error.diag.message_primary}): end the transactions that pg_stat_activity shows as "
                    "idle in transaction, and start again."
                ) from None
            log.warning("migration: %s %s waits for a lock", part.kind, part.name)
            time.sleep(PAUSE)


def _passes(error: psycopg.Error) -> bool:
    """Whether another transaction is in the way, so that another try is worth it."""
    return isinstance(
        error, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected
    ) or CHANGED_MEANWHILE in str(error)
