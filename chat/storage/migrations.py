"""migrations.sql as the server reads it: parts that are applied one after the other, and what they make together."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

PATH = Path(__file__).parents[2] / "migrations.sql"

PART = re.compile(r"^-- >>> (prepare|step|functions)(?: (\w+))?.*\n", re.MULTILINE)


class Part(NamedTuple):
    """One transaction of the file: `prepare`, `step` (name: its number) or `functions` (name: their hash)."""

    kind: str
    name: str
    sql: str


class Migrations(NamedTuple):
    """The file: its parts, the schema version that its steps lead to, the hash of its functions."""

    parts: list[Part]
    version: int
    functions_hash: str


@cache
def migrations() -> Migrations:
    """Return what migrations.sql holds."""
    _, *found = PART.split(PATH.read_text(encoding="utf-8"))
    parts = [Part(kind, name or "", sql) for kind, name, sql in zip(found[::3], found[1::3], found[2::3], strict=True)]
    return Migrations(parts, sum(part.kind == "step" for part in parts), parts[-1].name)
