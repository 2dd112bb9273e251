"""Reads what Stream Chat imports: a JSON array, or JSON lines, of `{type, item}` or `{type, data}`.

The items wait in a temporary file until all are there: messages get their numbers in the order of their times.
"""

import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import IO, Any

from ..errors import StartupError
from .stream_rows import count_rows, rows

STAGE = """
    pragma journal_mode = off;
    pragma synchronous = off;
    create table item (
        kind text, key text, channel text, user text, parent text, at text, content text, primary key (kind, key)
    );
"""
#: What points nowhere goes, so that the database need not refuse it; and messages get their numbers.
SETTLE = (
    ("channel", "delete from item where kind = 'channel' and {no_user}"),
    ("member", "delete from item where kind = 'member' and ({no_user} or {no_channel})"),
    ("message", "delete from item where kind = 'message' and ({no_user} or {no_channel})"),
    ("reaction", "delete from item where kind = 'reaction' and ({no_user} or {no_message})"),
)
NUMBER = """
    create table message as
    select key, channel, user, parent, at, content, row_number() over (partition by channel order by at, key) as seq
    from item where kind = 'message';
    create unique index message_key on message (key);
    create index message_seq on message (channel, seq);
    create index message_parent on message (parent) where parent is not null;
    create index reaction on item (parent, at) where kind = 'reaction';
    create index member on item (channel) where kind = 'member';
"""
MISSING = "not exists (select 1 from item as other where other.kind = '{kind}' and other.key = item.{column})"


@contextmanager
def read_stream(lines: IO[bytes]) -> Iterator[tuple[Iterator[tuple[str, str]], int, list[str]]]:
    """Lend the rows of a file, `(table, JSON object)`, their number, and sentences on what is left out.

    Raises `StartupError` for what is no such file.
    """
    with tempfile.TemporaryDirectory(prefix="chat-import-") as directory:
        with closing(sqlite3.connect(f"{directory}/items")) as stage:
            stage.executescript(STAGE)
            left_out: Counter[str] = Counter()
            done = 0
            try:
                for kind, item in _items(lines):
                    if not _keep(stage, kind, item):
                        left_out[f"{kind} items"] += 1
                    done += 1
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise StartupError(
                    "This is no file that Stream Chat imports: objects {type, item}, as array or lines. "
                    f"Number {done + 1} cannot be read."
                ) from error
            for kind, statement in SETTLE:
                conditions = {
                    f"no_{each}": MISSING.format(kind=each, column="parent" if each == "message" else each)
                    for each in ("user", "channel", "message")
                }
                gone = stage.execute(statement.format(**conditions)).rowcount
                left_out[f"{kind} items that name what is not in the file"] += gone
            stage.executescript(NUMBER)
            notes = [f"Left out: {count} {what}." for what, count in sorted(left_out.items()) if count]
            yield ((table, json.dumps(row)) for table, row in rows(stage)), count_rows(stage), notes


def _items(lines: IO[bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each item and its type. Raises `ValueError` and its like for what is none."""
    first = lines.read(1)
    while first.isspace():
        first = lines.read(1)
    # An array has to be read at once: the format's own limit is 300 MB.
    found = json.loads(first + lines.read()) if first == b"[" else _lines(first, lines)
    for each in found:
        content = each.get("item", each.get("data"))
        if not isinstance(each["type"], str) or not isinstance(content, dict):
            raise TypeError
        yield each["type"], content


def _lines(first: bytes, lines: IO[bytes]) -> Iterator[Any]:
    yield json.loads(first + lines.readline())
    for line in lines:
        if line.strip():
            yield json.loads(line)


def _keep(stage: sqlite3.Connection, kind: str, item: dict[str, Any]) -> bool:
    """Put an item into the stage; return whether it is of a kind that is taken over."""
    user, channel, at = _id(item.get("user_id") or item.get("user")), _channel(item), _time(item.get("created_at"))

    def put(
        kind: str, key: str, user: str, parent: str | None = None, content: Any = item, how: str = "replace"
    ) -> None:
        values = kind, key, channel, user, parent, at, json.dumps(content)
        stage.execute(f"insert or {how} into item values (?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608

    if kind == "user":
        put(kind, str(item["id"]), "")
    elif kind == "channel":
        members = [_id(each) for each in item.get("member_ids") or ()]
        channel = f"{item['type']}:{item.get('id') or ','.join(sorted(members))}"
        owner = _id(item.get("created_by") or item.get("created_by_id")) or (members or [""])[0]
        put(kind, channel, owner)
        for each in filter(None, dict.fromkeys((owner, *members))):  # the owner is always a member here
            put("member", f"{channel} {each}", each, content={}, how="ignore")
    elif kind == "member":
        put(kind, f"{channel} {user}", user)
    elif kind == "message":
        put(kind, str(item["id"]), user, _id(item.get("parent_id")) or None)
    elif kind == "reaction":
        key = f"{item['message_id']} {item['type']} {user}"
        put(kind, key, user, str(item["message_id"]))
    return kind in ("user", "channel", "member", "message", "reaction")


def _channel(item: dict[str, Any]) -> str:
    """Return the name of the channel that a member or a message is of; one without an id is named by its members."""
    members = sorted(_id(each) for each in item.get("channel_member_ids") or ())
    return f"{item.get('channel_type', '')}:{item.get('channel_id') or ','.join(members)}"


def _id(value: Any) -> str:
    """Return the id of a user, who is named by it or given whole."""
    return str((value.get("id") if isinstance(value, dict) else value) or "")


def _time(text: Any) -> str:
    """Return a time in the one form in which times can be compared as text; now, when none is given."""
    at = datetime.fromisoformat(text) if text else datetime.now(UTC)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")
