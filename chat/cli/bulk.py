"""`export` and `import`: everything, as JSON lines."""

import gzip
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

import click
import orjson
import psycopg

from ..errors import StartupError
from ..storage.bulk import (
    VOLATILE,
    States,
    Table,
    describe_tables,
    find_tables,
    read_rows,
    refuse_rows,
    write_rows,
)
from ..storage.migrations import migrations
from .export_file import ExportFile
from .output import lent_storage
from .rocketchat import read_rocketchat
from .stream import read_stream

#: The version of the file's form; the first line says it, with the schema's.
FORMAT = 1

ROW = re.compile(rb'\{"table":"(\w+)","row":(\{.*\})\}\n')


Rows = tuple[Iterator[tuple[str, str]], int, list[str]]


@contextmanager
def _read_stream(file: Path) -> Iterator[Rows]:
    with _open(file, "rb", file.suffix) as lines, read_stream(lines) as found:
        yield found


#: Whose data can be read besides our own: each lends the rows, their number and what is left out.
OTHERS: dict[str, Callable[[Path], AbstractContextManager[Rows]]] = {
    "stream": _read_stream,
    "rocketchat": read_rocketchat,
}


@click.command
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--resume", is_flag=True, help="Go on with an export to this file that was interrupted.")
def export(file: Path, resume: bool) -> None:
    """Write everything to FILE, one JSON object a line; compressed when it ends in .gz.

    It is one moment of the database, while servers go on. The files of messages are not in it.

    An export that was interrupted goes on with --resume, as long as nothing has changed since.
    """
    unfinished = file.with_name(file.name + ".unfinished")
    if resume and not unfinished.exists():
        raise click.UsageError(f"There is no {unfinished} to go on with.")
    with _connection() as connection, connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        tables = find_tables(connection)
        states = describe_tables(connection, tables)
        with ExportFile(unfinished, file.suffix == ".gz", resume) as out:
            count = _write_export(connection, tables, states, out)
    unfinished.rename(file)
    click.echo(f"{count} rows are in {file}.", err=True)


def _write_export(connection: psycopg.Connection, tables: list[Table], states: States, out: ExportFile) -> int:
    """Write what the file does not have yet; return how many rows it has then."""
    total = sum(count for count, _ in states.values())
    if out.first:
        _refuse_changes(out.first, states)
        if out.last == b'{"end":%d}\n' % (out.count - 2):
            return out.count - 2
        if out.count > 1 and not ROW.fullmatch(out.last):
            raise StartupError("The unfinished file is damaged: export anew, without --resume.")
    else:
        out.write(
            orjson.dumps({"format": FORMAT, "schema": migrations().version, "rows": total, "tables": states}) + b"\n"
        )
    count = max(out.count - 1, 0)
    with _progress(total) as progress:
        progress(count)
        for table, after in _places(tables, out.last):
            start = f'{{"table":"{table.name}","row":'.encode()
            for row in read_rows(connection, table, after):
                out.write(start + row.encode() + b"}\n")
                count += 1
                progress(1)
    out.write(orjson.dumps({"end": count}) + b"\n")
    return count


def _refuse_changes(header: bytes, states: States) -> None:
    """Raise `StartupError` unless the tables are as they were when the export with this header began."""
    try:
        begun = orjson.loads(header)
        known = begun["tables"] if (begun["format"], begun["schema"]) == (FORMAT, migrations().version) else {}
    except (orjson.JSONDecodeError, KeyError, TypeError):
        known = {}
    for name, state in states.items():
        if name not in VOLATILE and known.get(name) != list(state):
            raise StartupError(
                f"{name} has changed since that export began, and a file is of one moment: "
                "export anew, without --resume."
            )


def _places(tables: list[Table], last: bytes) -> Iterator[tuple[Table, dict[str, Any] | None]]:
    """Yield the tables that are to be written after a line, the first of them with the row after which it goes on."""
    found = ROW.fullmatch(last)
    names = [table.name for table in tables]
    start = names.index(found[1].decode()) if found else 0
    for table in tables[start:]:
        yield table, orjson.loads(found[2]) if found and table is tables[start] else None


@click.command("import")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--resume", is_flag=True, help="Go on with an import of this file that was interrupted.")
@click.option(
    "--from",
    "source",
    type=click.Choice(["chat", *OTHERS]),
    default="chat",
    show_default=True,
    help="Whose file it is.",
)
def import_(file: Path, resume: bool, source: str) -> None:
    """Read everything from FILE into an empty database.

    FILE is what `export` has written. Stop the server first.

    With `--from stream` FILE is one that Stream Chat imports: users, channels, members, messages, reactions.

    With `--from rocketchat` it is a directory in which `mongoexport` has written users.json, rocketchat_room.json,
    rocketchat_subscription.json and rocketchat_message.json.
    """
    if file.is_dir() != (source == "rocketchat"):
        raise click.BadParameter(f"{file} is {'a' if file.is_dir() else 'no'} directory.", param_hint="FILE")
    with _connection() as connection:
        tables = find_tables(connection)
        if not resume:
            refuse_rows(connection, tables)
        if source in OTHERS:
            with OTHERS[source](file) as (rows, total, notes), _progress(total) as progress:
                write_rows(connection, tables, rows, progress)
            for note in notes:
                click.echo(note, err=True)
        else:
            with _open(file, "rb", file.suffix) as lines:
                total = _header(lines)["rows"]
                with _progress(total) as progress:
                    write_rows(connection, tables, _rows(lines, total), progress)
    click.echo(f"{total} rows are in the database.", err=True)


@contextmanager
def _connection() -> Iterator[psycopg.Connection]:
    """Lend a connection to a database whose schema is this release's."""
    with lent_storage(opened=False) as storage:
        url = storage.direct_url()  # first: an API has none, and says what is needed
        storage.open()
        try:
            with psycopg.connect(url, autocommit=True, options="-c timezone=UTC -c datestyle=ISO") as connection:
                yield connection
        except psycopg.Error as error:
            text = " ".join(str(error.diag.message_primary or error).split()).rstrip(".")
            raise StartupError(f"The database says: {text}.") from error
        except OSError as error:
            raise StartupError(f"The file cannot be used: {error.strerror or error}.") from error


def _open(file: Path, mode: str, suffix: str) -> Any:
    return gzip.open(file, mode, compresslevel=6) if suffix == ".gz" else file.open(mode)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], Any]]:
    """Show a bar on a terminal, nothing elsewhere."""
    with click.progressbar(length=total, file=sys.stderr, show_pos=True, hidden=not sys.stderr.isatty()) as bar:
        yield bar.update


def _header(lines: IO[bytes]) -> dict[str, Any]:
    """Read the first line. Raises `StartupError` when it is no export, or one of a newer release."""
    try:
        header = orjson.loads(lines.readline())
        is_ours = header["format"] == FORMAT and isinstance(header["rows"], int)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        is_ours = False
    if not is_ours:
        raise StartupError("This is no file that `export` has written.")
    if header["schema"] > migrations().version:
        raise StartupError(
            f"The file was written by a newer release (schema {header['schema']}, here {migrations().version}): "
            "upgrade the server before importing."
        )
    return dict(header)


def _rows(lines: IO[bytes], total: int) -> Iterator[tuple[str, str]]:
    """Yield the rows of an export. Raises `StartupError` when its end is missing."""
    count = 0
    for line in lines:
        if line == b'{"end":%d}\n' % count:
            return
        found = ROW.fullmatch(line)  # not parsed: numbers of any length stay what they are
        if not found:
            break
        count += 1
        yield found[1].decode(), found[2].decode()
    raise StartupError(
        f"The file ends after {count} of about {total} rows: it is not whole. What was read is in the database."
    )
