"""What the commands share: the storage that they work on, and how they say what came of it."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click
from flask import current_app

from ..errors import ChatError, StartupError
from ..storage import Storage


@contextmanager
def lent_storage(*, opened: bool = True) -> Iterator[Storage]:
    """Lend the storage, and end the command with a sentence and code 1 when it fails."""
    storage: Storage = current_app.extensions["storage"]
    try:
        if opened:
            storage.open()
        yield storage
    except StartupError as error:
        fail(str(error))
    except ChatError as error:
        fail(error.detail)
    finally:
        storage.close()


def fail(sentence: str) -> NoReturn:
    """End the command with this sentence and code 1."""
    click.echo(f"chat: {sentence}", err=True)
    sys.exit(1)


def table(rows: list[tuple[str, ...]]) -> str:
    """Return rows, the first of which is the header, as columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def note_limit(count: int, limit: int) -> None:
    """Say on stderr that a list may go on, when it is as long as it may be."""
    if count == limit:
        click.echo(f"These are the first {limit}; -n shows more.", err=True)


def plain(text: str | None, longest: int) -> str:
    """Return a text that somebody else has written as one line that a terminal shows: no escapes, not too long."""
    line = " ".join((text or "–").split())
    line = "".join(each if each.isprintable() else "?" for each in line)
    return line if len(line) <= longest else line[: longest - 1] + "…"


def details(values: dict[str, Any]) -> str:
    """Return names and values, one a line; a value may be what somebody else has written."""
    width = max(map(len, values))
    return "\n".join(f"{name.ljust(width)}  {plain(_text(value), 200)}" for name, value in values.items())


def _text(value: Any) -> str | None:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return None if value is None else str(value)
