"""Export: everything of a person as JSON lines, in little memory however much it is."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chat.auth import Caller
from chat.storage import Storage
from tests.support.client import Api
from tests.support.server import Server

Json = dict[str, Any]
Sql = Callable[..., list[Any]]


def export(storage: Storage, user: Caller, limit: int) -> list[Json]:
    cursor: Any = {}
    lines: list[str] = []
    while cursor is not None:
        page = storage.export_user(user, user.user_id, cursor, limit)
        lines += page["lines"].split("\n") if page["lines"] else []
        cursor = page["next"]
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_everything_is_in_it_once_however_large_the_pages(storage: Storage, sql: Sql, limit: int) -> None:
    ann, bob = (Caller(storage.create_user(name)["id"]) for name in ("ann", "bob"))
    storage.update_user(ann, ann.user_id, {"about": "line\nbreak \u2028", "custom": {"a": "b\n"}})
    ids = []
    for number in range(3):
        id = storage.create_conversation(ann, {"name": f"g {number}", "participant_ids": [bob.user_id]}).result["id"]
        drafts = [{"message": text, "client_id": None} for text in ("one", "two\n{}")]
        ids += [storage.send_message(ann, id, draft).result["id"] for draft in drafts]
        others = storage.send_message(bob, id, {"message": "bob's", "client_id": None}).result["id"]
        sql("insert into chat_reactions values (%s, '👍', %s), (%s, '🎉', %s)", *(others, ann.user_id) * 2)
    for version in (1, 2):
        sql("insert into chat_message_edits values (%s, %s, %s, 'before', now())", ids[0], version, ann.user_id)
    storage.block_user(ann, bob.user_id)
    insert = "insert into chat_attachments (user_id, name, type, size, state) values (%s, 'a.txt', 'text/plain', 1, %s)"
    for state in ("ready", "dead"):
        sql(insert, ann.user_id, state)
    lines = export(storage, ann, limit)
    assert Counter(line["kind"] for line in lines) == {
        "profile": 1, "membership": 3, "message": 6, "edit": 2, "reaction": 6, "block": 1, "attachment": 1,
    }  # fmt: skip
    assert lines[0] == {"kind": "profile", **json.loads(storage.get_profile(ann, ann.user_id))}
    assert [line["id"] for line in lines if line["kind"] == "message"] == sorted(
        ids, key=[line.get("id") for line in lines].index
    )
    place = [line.get("id") for line in lines].index(ids[0])
    assert [(line["kind"], line["version"]) for line in lines[place + 1 : place + 3]] == [("edit", 1), ("edit", 2)]
    assert {line["last_read_seq"] for line in lines if line["kind"] == "membership"} == {2}
    assert "bob's" not in str(lines)


def test_it_is_the_persons_own(api: Api, ann: Json, bob: Json) -> None:
    path = f"/users/{ann['id']}/export?user_id={bob['id']}"
    assert api.request("GET", path, status=403)["code"] == "not_allowed"
    path = f"/users/{ann['id']}/export?user_id={ann['id']}"
    response = api._through.open(path)  # type: ignore[union-attr]
    assert response.mimetype == "application/x-ndjson"
    assert [json.loads(line)["kind"] for line in response.text.splitlines()] == ["profile"]


def test_a_hundred_thousand_messages_take_no_memory(
    make_server: Callable[..., Server], make_database: Callable[..., str]
) -> None:
    url = make_database()
    server = make_server(DATABASE_URL=url)
    api = Api(server)
    ann = api.user("ann")
    talk = api.conversation(ann)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into messages (conversation_id, user_id, message, seq, version) "
            "select %s, %s, repeat('hello ', 60), n, n + 1 from generate_series(1, 100000) as n",
            [talk["id"], ann["id"]],
        )
        connection.execute("update conversations set last_seq = 100000, version = 100001")

    def read() -> tuple[int, int]:
        """Return the lines of an export and the most memory of the server meanwhile, in KiB."""
        lines, most = 0, 0
        path = f"{server.url}/users/{ann['id']}/export?user_id={ann['id']}"
        response = server.http.request("GET", path, preload_content=False, timeout=60)
        for piece in response.stream(1 << 20):
            lines += piece.count(b"\n")
            most = max(most, resident(server))
        return lines, most

    resident_before = resident(server)
    lines, most = read()
    assert lines == 100_002
    assert most - resident_before < 30_000  # it is 60 MB


def resident(server: Server) -> int:
    assert server.process
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])
