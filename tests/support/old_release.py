"""The last release as a database meets it: its schema, and its calls with their own names and shapes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg

RELEASES = sorted((Path(__file__).parent / "releases").glob("*.sql"))
LAST_RELEASE = RELEASES[-1].read_text(encoding="utf-8")

Json = dict[str, Any]


def apply_file(url: str, text: str) -> None:
    """Apply a whole file as one statement, as the SQL editor does."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(text)  # type: ignore[call-overload]


class OldProcess:
    """A process of release 0.1.0: a connection, and the calls that it makes."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)

    def close(self) -> None:
        self._connection.close()

    def call(self, function: str, **args: Any) -> Any:
        names = ", ".join(f"p_{name} => %({name})s" for name in args)
        row = self._connection.execute(f"select public.chat_{function}({names})", args).fetchone()  # type: ignore[call-overload]
        assert row is not None
        return row[0]

    def create_user(self, name: str) -> str:
        made: Json = self.call("create_user", username=name, user_id=None, issued_at=None)
        return str(made["id"])

    def create_conversation(self, owner: str, *others: str) -> Json:
        return self.call(
            "create_conversation", user_id=owner, issued_at=None, participant_ids=list(others), name="a group"
        )

    def send(self, conversation_id: str, user_id: str, client_id: str | None = None, text: str = "hello") -> Json:
        named = {"conversation_id": conversation_id, "user_id": user_id, "issued_at": None}
        return self.call("send_message", **named, message=text, client_id=client_id)

    def update_receipt(self, conversation_id: str, user_id: str, seq: int) -> Json:
        named = {"conversation_id": conversation_id, "user_id": user_id, "issued_at": None}
        return self.call("update_receipt", **named, read_seq=seq, delivered_seq=None)

    def sync(self, user_id: str, since: dict[str, int], limit: int = 50) -> Json:
        return self.call("sync", user_id=user_id, issued_at=None, since=psycopg.types.json.Jsonb(since), limit=limit)

    def list_messages(self, conversation_id: str, user_id: str | None) -> Json:
        cursors = dict.fromkeys(("before_seq", "after_seq", "around_seq", "after_date"))
        return self.call(
            "list_messages", conversation_id=conversation_id, user_id=user_id, issued_at=None, limit=5, **cursors
        )

    def list_conversations(self, user_id: str) -> Json:
        return self.call(
            "list_conversations",
            user_id=user_id,
            issued_at=None,
            limit=5,
            message_limit=3,
            before_at=None,
            before_id=None,
        )


class Call(NamedTuple):
    """One call, and what it answered."""

    name: str
    answer: Any


def use(process: OldProcess, me: str, other: str, conversation_id: str, version: int = 1) -> list[Call]:
    """Make every call of the release once, and return the answers."""
    client_id = str(uuid4())
    sent = process.send(conversation_id, me, client_id)
    calls: dict[str, Callable[[], Any]] = {
        "create_user": lambda: process.call("create_user", username="new", user_id=None, issued_at=None),
        "create_conversation": lambda: process.create_conversation(me, other),
        "send": lambda: process.send(conversation_id, me, str(uuid4())),
        "repeated send": lambda: process.send(conversation_id, me, client_id),
        "update_receipt": lambda: process.update_receipt(conversation_id, other, sent["message"]["seq"]),
        "repeated receipt": lambda: process.update_receipt(conversation_id, other, 1),
        "sync": lambda: process.sync(me, {}),
        "sync from a version": lambda: process.sync(me, {conversation_id: sent["message"]["version"]}),
        "list_messages": lambda: process.list_messages(conversation_id, me),
        "list_messages of nobody": lambda: process.list_messages(conversation_id, None),
        "list_conversations": lambda: process.list_conversations(me),
        "list_receipts": lambda: process.call(
            "list_receipts", conversation_id=conversation_id, user_id=me, issued_at=None
        ),
        "list_unread": lambda: process.call("list_unread", user_id=me, issued_at=None),
        "get_user": lambda: process.call("get_user", user_id=me, issued_at=None),
        "search_users": lambda: process.call("search_users", user_id=me, issued_at=None, query="a"),
        "list_revocations": lambda: process.call("list_revocations", seconds=60.0),
        "schema_version": lambda: process.call("schema_version"),
    }
    return [Call(name, call()) for name, call in calls.items()]


def lacks(answer: Any, expected: Any, path: str = "") -> list[str]:
    """Return what an answer lacks of the shape of another; it may have more fields."""
    if isinstance(expected, dict) and isinstance(answer, dict):
        missing = [f"{path}.{name}" for name in expected if name not in answer]
        return missing + [
            each
            for name in expected.keys() & answer.keys()
            for each in lacks(answer[name], expected[name], f"{path}.{name}")
        ]
    if isinstance(expected, list) and isinstance(answer, list):
        return lacks(answer[0], expected[0], f"{path}[0]") if expected and answer else []
    return [] if type(answer) is type(expected) or None in (answer, expected) else [f"{path}: {answer!r}"]
