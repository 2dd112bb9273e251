"""Everything in the product's tables, out and in: rows as JSON, found from the catalogue, parents before children.

What belongs to one database stays there: the stamp of its schema, and the numbers of its transactions (`xid8`), which a
new one gives anew. Memory is bounded: rows are read in pages by their keys, and written in batches.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Placeholder

from ..errors import StartupError

#: Rows that are read or written at once, and about how many bytes of them.
BATCH_ROWS, BATCH_BYTES = 500, 4 << 20

#: What servers change while nobody does anything; nothing else depends on it.
VOLATILE = {"chat_jobs", "chat_presence", "chat_processes"}
#: The state of each table, by its name.
States = dict[str, tuple[int, int]]

#: A table may hold rows before an import: each process adds its own.
NOT_EMPTY = {"chat_jobs"}

TABLES = """
    select t.relname, k.columns, k.types, a.columns
    from pg_class as t
    cross join lateral (
        select array_agg(a.attname order by a.attnum) as columns from pg_attribute as a
        where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
          and a.atttypid <> 'xid8'::regtype
    ) as a
    left join lateral (
        select array_agg(a.attname order by o.place) as columns,
               array_agg(format_type(a.atttypid, a.atttypmod) order by o.place) as types
        from pg_constraint as p
        cross join lateral unnest(p.conkey) with ordinality as o (attnum, place)
        join pg_attribute as a on a.attrelid = t.oid and a.attnum = o.attnum
        where p.conrelid = t.oid and p.contype = 'p'
    ) as k on true
    where t.relnamespace = 'public'::regnamespace and t.relkind = 'r'
      and t.relname not in ('chat_schema', 'chat_listeners')
      and (t.relname in ('users', 'conversations', 'user_conversation', 'messages') or t.relname like 'chat\\_%')
    order by t.relname
"""
PARENTS = """
    select child.relname, parent.relname
    from pg_constraint as f
    join pg_class as child on child.oid = f.conrelid
    join pg_class as parent on parent.oid = f.confrelid
    where f.contype = 'f' and child.relnamespace = 'public'::regnamespace and child.oid <> parent.oid
"""


class Table(NamedTuple):
    """A table: its primary key with the types, and the columns that are written."""

    name: str
    key: list[str]
    key_types: list[str]
    columns: list[str]


def find_tables(connection: psycopg.Connection) -> list[Table]:
    """Return the product's tables, each after those that its foreign keys point to. Raises `StartupError`."""
    found = [Table(*row) for row in connection.execute(TABLES)]
    parents: dict[str, set[str]] = {table.name: set() for table in found}
    for child, parent in connection.execute(PARENTS):
        if child in parents and parent in parents:
            parents[child].add(parent)
    ordered: list[Table] = []
    while found:
        done = {table.name for table in ordered}
        ready = [table for table in found if parents[table.name] <= done]
        if not ready or any(not table.key for table in ready):
            raise StartupError("The tables have no order, or one has no key: this is no database of this release.")
        ordered += ready
        found = [table for table in found if table not in ready]
    return ordered


def describe_tables(connection: psycopg.Connection, tables: list[Table]) -> States:
    """Return the state of each table: how many rows it holds, and a number that is another one after every change.

    Each change of a row gives it a higher `xmin`: as long as the rows are as many, their sum grows.
    """
    query = SQL("select count(*), coalesce(sum(xmin::text::bigint), 0)::bigint from public.{}")
    rows = ((t.name, connection.execute(query.format(Identifier(t.name))).fetchone()) for t in tables)
    return {name: (row[0], row[1]) for name, row in rows if row}


def read_rows(connection: psycopg.Connection, table: Table, row: dict[str, Any] | None = None) -> Iterator[str]:
    """Yield a table's rows as JSON objects, in the order of its key, all or those after a row.

    One transaction sees one state of everything.
    """
    key = SQL(", ").join(map(Identifier, table.key))
    columns = SQL(", ").join(map(Identifier, table.columns))
    after = SQL(", ").join(
        SQL("{}::" + kind).format(Placeholder(name))  # type: ignore[arg-type]  # a type's name, from the catalogue
        for name, kind in zip(table.key, table.key_types, strict=True)
    )
    last = SQL(", ").join(SQL("page.{}::text").format(Identifier(name)) for name in table.key)

    def page(where: Composed | SQL) -> Composed:
        return SQL(
            "select to_json(page)::text, array[{last}] from (select {columns} from public.{table} {where} "
            "order by {key} limit {limit}) as page order by {key}"
        ).format(last=last, columns=columns, table=Identifier(table.name), where=where, key=key, limit=BATCH_ROWS)

    following = page(SQL("where ({}) > ({})").format(key, after))
    if row is None:
        rows = connection.execute(page(SQL(""))).fetchall()
    else:
        rows = connection.execute(following, {name: str(row[name]) for name in table.key}).fetchall()
    while rows:
        for text, _ in rows:
            yield text
        rows = connection.execute(following, dict(zip(table.key, rows[-1][1], strict=True))).fetchall()


def refuse_rows(connection: psycopg.Connection, tables: list[Table]) -> None:
    """Raise `StartupError` when a table holds rows already."""
    for table in tables:
        query = SQL("select from public.{} limit 1").format(Identifier(table.name))
        if table.name not in NOT_EMPTY and connection.execute(query).fetchone() is not None:
            raise StartupError(
                f"The table {table.name} holds rows already: import into an empty database, or say --resume to go on "
                "with an import of the same file that was interrupted."
            )


def write_rows(
    connection: psycopg.Connection, tables: list[Table], rows: Iterable[tuple[str, str]], progress: Callable[[int], Any]
) -> None:
    """Write rows, `(table, JSON object)`, in batches that are committed one by one; those that are there stay.

    A batch whose last row is there was written by a run of before, and is passed over. Raises `StartupError`.
    """
    known = {table.name: table for table in tables}
    for name, batch in _batches(rows):
        if name not in known:
            raise StartupError(f"The table {name} is not one of this release: upgrade the server before importing.")
        _write(connection, known[name], batch)
        progress(len(batch))
    for table in tables:
        _move_sequences(connection, table)
        connection.execute(SQL("analyze public.{}").format(Identifier(table.name)))


def _batches(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    name, batch, size = "", list[str](), 0
    for table, row in rows:
        if batch and (table != name or len(batch) >= BATCH_ROWS or size > BATCH_BYTES):
            yield name, batch
            batch, size = [], 0
        name = table
        batch.append(row)
        size += len(row)
    if batch:
        yield name, batch


def _write(connection: psycopg.Connection, table: Table, batch: list[str]) -> None:
    given = json.loads(batch[0])
    unknown = given.keys() - set(table.columns)
    if unknown:
        raise StartupError(f"{table.name} has no column {min(unknown)} in this release: upgrade before importing.")
    last = json.loads(batch[-1])
    same = SQL(" and ").join(
        SQL("{} = {}::" + kind).format(Identifier(name), Placeholder(name))  # type: ignore[arg-type]
        for name, kind in zip(table.key, table.key_types, strict=True)
    )
    found = SQL("select from public.{} where {}").format(Identifier(table.name), same)
    if connection.execute(found, {name: str(last[name]) for name in table.key}).fetchone() is not None:
        return
    columns = SQL(", ").join(Identifier(name) for name in table.columns if name in given)
    insert = SQL(
        "insert into public.{table} ({columns}) overriding system value "
        "select {columns} from json_populate_recordset(null::public.{table}, %s::json) on conflict do nothing"
    ).format(table=Identifier(table.name), columns=columns)
    connection.execute(insert, ["[" + ",".join(batch) + "]"])


def _move_sequences(connection: psycopg.Connection, table: Table) -> None:
    """Let numbers that the database gives go on after those that were written."""
    for column in table.columns:
        row = connection.execute("select pg_get_serial_sequence(%s, %s)", [f"public.{table.name}", column]).fetchone()
        if row and row[0]:
            move = SQL("select setval(%s::regclass, max({})) from public.{} having max({}) is not null")
            name = Identifier(column)
            connection.execute(move.format(name, Identifier(table.name), name), [row[0]])
