"""migrations.sql as the server reads it: parts that are applied one after the other, and what they make together."""

import re
from functools import cache
from typing import NamedTuple

from ..files import shipped
from .contract import DeployedSchema

PATH = shipped("migrations.sql")

PART = re.compile(r"^-- >>> (prepare|step|indexes|functions)(?: (\w+))?.*\n", re.MULTILINE)
INDEX = re.compile(r"^ *create (unique )?index if not exists (\w+) (on [^;]+);", re.MULTILINE)


class Index(NamedTuple):
    """An index: its name, and the statement that makes it beside those who write."""

    name: str
    sql: str


class Part(NamedTuple):
    """One transaction of the file: `prepare`; `step` or `indexes`, named by its number; `functions`, by their hash."""

    kind: str
    name: str
    sql: str

    @property
    def indexes(self) -> list[Index]:
        """The indexes of a part that holds nothing else, to be made before it is applied; none for another part."""
        if self.kind != "indexes":
            return []
        return [
            Index(name, f"create {unique or ''}index concurrently if not exists {name} {rest}")
            for unique, name, rest in INDEX.findall(self.sql)
        ]


class Migrations(NamedTuple):
    """The file: its parts, the schema version that its steps lead to, the hash of its functions."""

    parts: list[Part]
    version: int
    functions_hash: str

    def is_served_by(self, newer: DeployedSchema) -> bool:
        """Whether a database with this newer schema serves the code that comes with this file."""
        return newer["oldest_code"] is not None and newer["oldest_code"] <= self.version


@cache
def migrations() -> Migrations:
    """Return what migrations.sql holds."""
    return parse(PATH.read_text(encoding="utf-8"))


def parse(text: str) -> Migrations:
    """Return what the text of a migrations.sql holds."""
    _, *found = PART.split(text)
    parts = [Part(kind, name or "", sql) for kind, name, sql in zip(found[::3], found[1::3], found[2::3], strict=True)]
    return Migrations(parts, sum(part.kind in ("step", "indexes") for part in parts), parts[-1].name)
