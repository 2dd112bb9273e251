"""Reads a directory in which `mongoexport` has written the collections of a Rocket.Chat, one JSON document a line.

The documents wait in a temporary file until all are there: messages get their numbers in the order of their times.
"""

import gzip
import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from marshmallow import Schema

from ..errors import StartupError
from . import rocketchat_documents as documents
from .rocketchat_documents import Json
from .rocketchat_messages import SYSTEM, count_reactions
from .rocketchat_rows import rows

SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
#: Of what says no time.
EPOCH = "1970-01-01T00:00:00.000000+00:00"
STAGE = """
    pragma journal_mode = off;
    pragma synchronous = off;
    create table user (key text primary key, username text, at text, erased_at text, content text);
    create table room (key text primary key, kind text, owner text, at text, content text);
    create table member (room text, user text, at text, is_owner int, content text, primary key (room, user));
    create table item (key text primary key, room text, user text, parent text, at text, is_system int, content text);
    create table history (message text, at text, text text);
"""
#: What points nowhere goes, so that the database need not refuse it; each statement with what to say of it.
SETTLE = (
    ("delete from item where room not in (select key from room)", "messages of rooms that are not taken over"),
    ("delete from member where room not in (select key from room)", "subscriptions of rooms that are not taken over"),
    ("delete from member where user not in (select key from user)", "subscriptions of people who are not in users"),
)
#: The owner is who has that role, else who made the room, else whoever was there first; always a member.
OWN = """
    update room set owner = coalesce(
        (select user from member where room = room.key and is_owner order by at, user limit 1),
        (select user from member where room = room.key and user = room.owner),
        (select user from member where room = room.key order by at, user limit 1),
        (select key from user where key = room.owner)
    );
"""
#: Authors who are not there any more: their messages stay, as those of erased people do.
GONE = """
    insert into user (key, at, erased_at, content)
    select user, min(at), max(at), '{}' from item where user not in (select key from user) group by user
"""
NUMBER = """
    create table message as
    select key, room, user, parent, at, is_system, content,
           row_number() over (partition by room order by at, key) as seq,
           sum(is_system) over (partition by room order by at, key) as system_count
    from item;
    create unique index message_key on message (key);
    create index message_seq on message (room, seq);
    create index message_at on message (room, at, seq);
    create index message_author on message (room, user, seq);
    create index message_parent on message (parent) where parent is not null;
    create index history_message on history (message, at);
    create index user_name on user (username);
    -- `edits`: the most earlier texts that one message has; so many versions are left free before the messages' own.
    create table total as
    select room, count(*) as messages, sum(is_system) as system, max(at) as at,
           max((select count(*) from history where history.message = message.key)) as edits
    from message group by room;
    create unique index total_room on total (room);
"""


@contextmanager
def read_rocketchat(directory: Path) -> Iterator[tuple[Iterator[tuple[str, str]], int, list[str]]]:
    """Lend the rows of an export, `(table, JSON object)`, their number, and sentences on what is left out.

    Raises `StartupError` with the file and the line of what cannot be read.
    """
    files = {name: _find(directory, name) for name in COLLECTIONS}
    with (
        tempfile.TemporaryDirectory(prefix="chat-import-") as scratch,
        closing(sqlite3.connect(f"{scratch}/s")) as stage,
    ):
        stage.executescript(STAGE)
        left_out: Counter[str] = Counter()
        for name, file in files.items():
            schema, keep = COLLECTIONS[name]
            for number, line in _lines(file):
                try:
                    document = documents.read(schema, line)
                except ValueError as error:
                    raise StartupError(f"{file.name}, line {number}: {error}.") from error
                if reason := keep(stage, document):
                    left_out[reason] += 1
        notes = _settle(stage, left_out)
        count = sum(1 for _ in rows(stage))
        yield ((table, json.dumps(row)) for table, row in rows(stage)), count, notes


def _settle(stage: sqlite3.Connection, left_out: Counter[str]) -> list[str]:
    for statement, what in SETTLE:
        left_out[what] += stage.execute(statement).rowcount
    stage.execute(OWN)
    left_out["rooms of nobody"] += stage.execute("delete from room where owner is null").rowcount
    left_out["messages of rooms of nobody"] += stage.execute(SETTLE[0][0]).rowcount
    stage.execute("insert or ignore into member select key, owner, at, 1, '{}' from room")
    gone = stage.execute(GONE).rowcount
    stage.executescript(NUMBER)
    left_out.update(count_reactions(stage))
    notes = [f"Left out: {count} {what}." for what, count in sorted(left_out.items()) if count]
    if gone:
        notes.append(f'{gone} authors are not in users: their messages are there, of a "Deleted user".')
    return notes


def _find(directory: Path, name: str) -> Path:
    for suffix in SUFFIXES:
        if (file := directory / f"{name}{suffix}").is_file():
            return file
    raise StartupError(f"There is no {name}.json in {directory}: `mongoexport --collection={name} --out={name}.json`.")


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    lines: IO[bytes]
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:  # type: ignore[assignment]
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, line


def _keep_user(stage: sqlite3.Connection, user: Json) -> str | None:
    values = user["_id"], user.get("username"), user.get("createdAt") or EPOCH, None, json.dumps(user)
    stage.execute("insert or replace into user values (?, ?, ?, ?, ?)", values)
    return None


def _keep_room(stage: sqlite3.Connection, room: Json) -> str | None:
    key, kind = room["_id"], room["t"]
    if kind not in ("c", "p", "d"):
        return f"rooms of type {kind[:20]}"
    at, owner = room.get("ts") or EPOCH, (room.get("u") or {}).get("_id")
    stage.execute("insert or replace into room values (?, ?, ?, ?, ?)", (key, kind, owner, at, json.dumps(room)))
    for user in room.get("uids") or () if kind == "d" else ():
        stage.execute("insert or ignore into member values (?, ?, ?, 0, '{}')", (key, user, at))
    return None


def _keep_subscription(stage: sqlite3.Connection, subscription: Json) -> str | None:
    at, is_owner = subscription.get("ts") or EPOCH, "owner" in (subscription.get("roles") or ())
    values = subscription["rid"], subscription["u"]["_id"], at, is_owner, json.dumps(subscription)
    stage.execute("insert or replace into member values (?, ?, ?, ?, ?)", values)
    return None


def _keep_message(stage: sqlite3.Connection, message: Json) -> str | None:
    kind, at = message.get("t") or "", message["ts"]
    if message.get("_hidden"):
        if not message.get("parent"):
            return "hidden messages"
        earlier = message["parent"], message.get("editedAt") or at, message.get("msg") or ""
        stage.execute("insert into history values (?, ?, ?)", earlier)
        return None
    if kind and kind != "rm" and kind not in SYSTEM:
        return f"messages of type {kind[:40]}"
    names = message["_id"], message["rid"], message["u"]["_id"], message.get("tmid"), at
    values = *names, kind in SYSTEM, json.dumps(message)
    stage.execute("insert or replace into item values (?, ?, ?, ?, ?, ?, ?)", values)
    return None


#: The collections, in the order in which they are read: the form of their documents, and what is kept of each, which
#: returns what to say of a document that is left out.
COLLECTIONS: dict[str, tuple[Schema, Callable[[sqlite3.Connection, Json], str | None]]] = {
    "users": (documents.User(), _keep_user),
    "rocketchat_room": (documents.Room(), _keep_room),
    "rocketchat_subscription": (documents.Subscription(), _keep_subscription),
    "rocketchat_message": (documents.Message(), _keep_message),
}
