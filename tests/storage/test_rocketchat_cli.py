"""`import --from rocketchat`: what `mongoexport` writes becomes people, conversations and messages."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.auth import Caller
from chat.config import Config
from chat.storage import bulk
from chat.storage.postgres import PostgresStorage
from tests.storage.test_bulk_cli import chat, digests

Json = dict[str, Any]


def at(minute: int, second: int = 0) -> Json:
    return {"$date": f"2024-03-01T10:{minute:02}:{second:02}.000Z"}


def by(name: str) -> Json:
    return {"_id": f"u-{name}", "username": name, "name": name.title()}


def say(id: str, minute: int, name: str, msg: str, rid: str = "GENERAL", **more: Any) -> Json:
    return {"_id": id, "rid": rid, "msg": msg, "ts": at(minute), "u": by(name), "_updatedAt": at(minute), **more}


def subscribe(rid: str, name: str, **more: Any) -> Json:
    return {
        "_id": f"s-{rid}-{name}",
        "rid": rid,
        "u": by(name),
        "ts": at(0),
        "t": "c",
        "open": True,
        "unread": 0,
        **more,
    }


HOST = "https://rocket.example.com"
USERS: list[Json] = [
    {**by("ann"), "createdAt": {"$date": {"$numberLong": "1704067200000"}}, "active": True, "type": "user",
     "services": {"password": {"bcrypt": "$2b$10$secret"}}, "bio": "Gardener", "customFields": {"team": "blue"}},
    {**by("bob"), "createdAt": {"$date": 1704067200000}, "active": True, "type": "user"},
    {"_id": "u-cy", "username": "cy", "createdAt": at(0)},
]  # fmt: skip
ROOMS: list[Json] = [
    {"_id": "GENERAL", "t": "c", "name": "general", "fname": "General talk", "topic": "Everything",
     "description": "All", "u": by("gone"), "ts": at(0), "msgs": 9, "usersCount": 3},
    {"_id": "secret", "t": "p", "name": "secret", "ro": True, "u": by("bob"), "ts": at(0), "prid": "GENERAL"},
    {"_id": "ann-bob", "t": "d", "uids": ["u-ann", "u-bob"], "usernames": ["ann", "bob"], "ts": at(0)},
    {"_id": "three", "t": "d", "uids": ["u-ann", "u-bob", "u-cy"], "usernames": ["ann", "bob", "cy"], "ts": at(0)},
    {"_id": "visitor", "t": "l", "u": by("x"), "ts": at(0)},
    {"_id": "nobodys", "t": "c", "name": "empty", "u": by("gone"), "ts": at(0)},
]  # fmt: skip
SUBSCRIPTIONS: list[Json] = [
    subscribe("GENERAL", "bob", roles=["moderator"], ls=at(3)),
    subscribe("GENERAL", "ann", roles=["owner"], ls=at(59), f=True, mobilePushNotifications="nothing"),
    subscribe("GENERAL", "cy", alert=True, open=False, disableNotifications=True),
    subscribe("secret", "bob", t="p", roles=["owner"]),
    subscribe("ann-bob", "ann", t="d", ls=at(59)),
    subscribe("ann-bob", "bob", t="d", ls=at(59)),
    subscribe("visitor", "ann", t="l"),
    subscribe("GENERAL", "gone"),
]
MESSAGES: list[Json] = [
    say("m3", 3, "cy", "with me", tmid="m1"),
    say("m1", 1, "bob", "Who plants @ann?", tcount=1, replies=["u-bob", "u-cy", "u-gone"], tlm=at(3),
        mentions=[{"_id": "u-ann", "username": "ann", "type": "user"}, {"_id": "all", "username": "all"}],
        reactions={":+1:": {"usernames": ["ann", "cy"]}, ":thumbsup:": {"usernames": ["ann"]},
                   ":party_parrot:": {"usernames": ["bob"]}, ":heart:": {"usernames": ["gone"]},
                   "Odd": {"usernames": ["ann"]}},
        pinned=True, pinnedAt=at(30)),
    say("j1", 0, "bob", "bob", t="uj"),
    say("a1", 2, "ann", "cy", t="au"),
    say("r1", 4, "ann", "General talk", t="r"),
    say("t1", 4, "ann", "Everything", t="room_changed_topic"),
    say("q1", 5, "ann", f"[ ]({HOST}/channel/general?msg=m1) I do", attachments=[
        {"text": "Who plants @ann?", "author_name": "bob", "message_link": f"{HOST}/channel/general?msg=m1"},
        {"title": "plan.png", "title_link": "/file-upload/f1/plan.png", "image_url": "/file-upload/f1/plan.png",
         "image_type": "image/png", "image_preview": "x" * 9000, "image_size": {"$numberLong": "12"}, "type": "file"}]),
    say("e1", 6, "bob", "third", editedAt=at(9), editedBy=by("bob")),
    say("h2", 6, "bob", "second", _hidden=True, parent="e1", editedAt=at(9), editedBy=by("bob")),
    say("h1", 6, "bob", "first", _hidden=True, parent="e1", editedAt=at(8), editedBy=by("bob")),
    say("h0", 6, "bob", "who knows", _hidden=True),
    say("d1", 7, "bob", "", t="rm", editedAt=at(8), editedBy=by("ann")),
    say("x1", 7, "gone", "bye\u0000\ud800", alias="Robot"),
    say("x2", 7, "bob", "sealed", t="e2e"),
    say("p1", 1, "ann", "psst", rid="ann-bob"),
    say("v1", 1, "x", "help", rid="visitor"),
    say("n1", 1, "ann", "?", rid="nobodys"),
]  # fmt: skip


def write(directory: Path, **changes: list[Json]) -> Path:
    collections = {
        "users": USERS, "rocketchat_room": ROOMS,
        "rocketchat_subscription": SUBSCRIPTIONS, "rocketchat_message": MESSAGES,
    }  # fmt: skip
    for name, documents in {**collections, **changes}.items():
        (directory / f"{name}.json").write_text("".join(json.dumps(each) + "\n" for each in documents))
    return directory


@pytest.fixture
def imported(database_url: str, tmp_path: Path) -> Iterator[tuple[str, PostgresStorage]]:
    """What the command says, and the storage on what it has made."""
    done = chat(database_url, "import", "--from", "rocketchat", str(write(tmp_path)))
    assert done.exit_code == 0, done.output
    storage = PostgresStorage(Config(), database_url)
    storage.open()
    yield done.stderr, storage
    storage.close()


def seen_by(storage: PostgresStorage, ids: dict[str, str], name: str) -> dict[str, Json]:
    found = json.loads(storage.list_conversations(Caller(ids[name]), 50, 100).items)
    return {each["name"]: each for each in found}


def test_what_rocketchat_had_is_there(imported: tuple[str, PostgresStorage], sql: Callable[..., list[Any]]) -> None:
    _, storage = imported
    ids = dict(sql("select username, id::text from users"))
    assert ids.keys() == {"Ann", "Bob", "cy", "Deleted user"}
    assert sql("select about, custom, created_at::date::text from users where username = 'Ann'") == [
        ("Gardener", {"username": "ann", "team": "blue"}, "2024-01-01")
    ]
    mine = seen_by(storage, ids, "Ann")
    assert mine.keys() == {"General talk", "", "Ann, Bob, cy"}
    room, direct = mine["General talk"], mine[""]
    assert (room["visibility"], room["description"], room["custom"]) == ("public", "All", {"topic": "Everything"})
    assert {each["username"]: each["role"] for each in room["participants"]} == {
        "Ann": "owner", "Bob": "admin", "cy": "member"}  # fmt: skip
    assert (direct["type"], direct["messages"][0]["message"]) == ("direct", "psst")
    assert mine["Ann, Bob, cy"]["type"] == "group"
    opened = storage.open_direct_conversation(Caller(ids["Ann"]), ids["Bob"]).result
    assert opened["id"] == direct["id"]
    secret = seen_by(storage, ids, "Bob")["secret"]
    assert (secret["visibility"], secret["frozen"], secret["owner_user_id"]) == ("private", True, ids["Bob"])
    assert secret["custom"] == {"parent_id": room["id"]}


def test_the_messages_are_there(imported: tuple[str, PostgresStorage], sql: Callable[..., list[Any]]) -> None:
    _, storage = imported
    ids = dict(sql("select username, id::text from users"))
    room = seen_by(storage, ids, "Ann")["General talk"]
    messages = room["messages"]
    assert [each["seq"] for each in messages] == list(range(1, 10))
    assert [each["message"] for each in messages] == [
        "Bob joined.", "Who plants @ann?", "Ann added cy.", "with me",
        'Ann renamed the conversation to "General talk".',
        "I do", "third", "", "bye?"]  # fmt: skip
    _, root, _, reply, _, quoting, edited, deleted, gone = messages
    assert (root["reply_count"], reply["thread_id"]) == (1, root["id"])
    assert root["mentions"] == [ids["Ann"]]
    assert [(each["emoji"], each["count"]) for each in root["reactions"]] == [("👍", 2), (":party_parrot:", 1)]
    assert root["pinned_at"] == "2024-03-01T10:30:00.000000+00:00"
    assert (quoting["reply_to"], quoting["quote"]["message"]) == (root["id"], "Who plants @ann?")
    assert quoting["custom"] == {
        "attachments": [{"title": "plan.png", "title_link": "/file-upload/f1/plan.png", "type": "file",
                         "image_url": "/file-upload/f1/plan.png", "image_type": "image/png", "image_size": 12}],
    }  # fmt: skip
    assert (deleted["deleted_at"], deleted["user_id"]) == ("2024-03-01T10:08:00.000000+00:00", ids["Bob"])
    assert (gone["users"]["username"], gone["custom"]) == ("Deleted user", {"alias": "Robot"})
    history = json.loads(storage.list_message_edits(Caller(ids["Ann"]), edited["id"], 10, None).items)
    assert [(each["message"], each["edited_at"][14:16]) for each in history] == [("first", "06"), ("second", "08")]
    assert edited["edited_at"] == "2024-03-01T10:09:00.000000+00:00"
    # It goes on from there.
    sent = storage.send_message(Caller(ids["Ann"]), room["id"], {"message": "hello"}).result
    assert (sent["seq"], sent["version"]) == (10, room["version"] + 1)
    assert room["version"] == max(each["version"] for each in messages)


def test_what_was_read_is_read(imported: tuple[str, PostgresStorage], sql: Callable[..., list[Any]]) -> None:
    _, storage = imported
    ids = dict(sql("select username, id::text from users"))
    states = {
        name: {field: seen_by(storage, ids, name)["General talk"][field]
               for field in ("unread_count", "last_read_seq", "pinned", "archived", "notifications")}
        for name in ("Ann", "Bob")
    }  # fmt: skip
    assert states["Ann"] == {
        "unread_count": 0, "last_read_seq": 9, "pinned": True, "archived": False, "notifications": "none"}  # fmt: skip
    # Bob has written after he was there last: writing reads.
    assert states["Bob"] == {
        "unread_count": 1, "last_read_seq": 8, "pinned": False, "archived": False, "notifications": None}  # fmt: skip
    # cy has hidden the room, and has read up to what cy wrote.
    assert "General talk" not in seen_by(storage, ids, "cy")
    cy = sql("select last_read_seq, notifications from user_conversation where user_id = %s and pinned is not null"
             " and archived_at_count is not null", ids["cy"])  # fmt: skip
    assert cy == [(4, "none")]
    threads = sql("select count(*) from chat_thread_members where following")
    assert threads == [(2,)]  # bob and cy; who is not there any more follows nothing


def test_what_is_left_out_is_said(imported: tuple[str, PostgresStorage]) -> None:
    said, _ = imported
    for sentence in (
        "Left out: 1 hidden messages.",
        "Left out: 1 messages of type e2e.",
        "Left out: 1 messages of type room_changed_topic.",
        "Left out: 1 messages of rooms that are not taken over.",
        "Left out: 1 rooms of type l.",
        "Left out: 1 rooms of nobody.",
        "Left out: 1 messages of rooms of nobody.",
        "Left out: 1 subscriptions of people who are not in users.",
        "Left out: 1 subscriptions of rooms that are not taken over.",
        "Left out: 3 reactions of people who are not in users, or of an odd name, or twice.",
        '1 authors are not in users: their messages are there, of a "Deleted user".',
    ):
        assert sentence in said


def test_nothing_secret_is_taken_over(imported: tuple[str, PostgresStorage], sql: Callable[..., list[Any]]) -> None:
    assert "bcrypt" not in str(sql("select to_jsonb(u) from users as u"))


def test_an_import_of_rocketchat_that_was_interrupted_goes_on_and_a_second_one_adds_nothing(
    imported: tuple[str, PostgresStorage], database_url: str, make_database: Callable[..., str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(bulk, "BATCH_ROWS", 3)
    target = make_database()
    writes, write_batch = 0, bulk._write

    def write_some(*arguments: Any) -> None:
        nonlocal writes
        writes += 1
        if writes > 5:
            raise OSError("the power is gone")
        write_batch(*arguments)

    monkeypatch.setattr(bulk, "_write", write_some)
    assert chat(target, "import", "--from", "rocketchat", str(tmp_path)).exit_code == 1
    monkeypatch.setattr(bulk, "_write", write_batch)
    refused = chat(target, "import", "--from", "rocketchat", str(tmp_path))
    assert (refused.exit_code, "--resume" in refused.stderr) == (1, True)
    for _ in range(2):
        assert chat(target, "import", "--from", "rocketchat", "--resume", str(tmp_path)).exit_code == 0
        assert digests(target) == digests(database_url)


def test_the_files_may_be_compressed_and_ids_may_be_object_ids(
    database_url: str, tmp_path: Path, sql: Callable[..., list[Any]]
) -> None:
    users = [{**each, "_id": {"$oid": each["_id"]}} for each in USERS]
    write(tmp_path, users=users)
    file = tmp_path / "users.json"
    (tmp_path / "users.json.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    assert chat(database_url, "import", "--from", "rocketchat", str(tmp_path)).exit_code == 0
    assert sql("select count(*) from users where erased_at is null") == [(3,)]


def test_messages_of_one_moment_get_times_one_after_the_other(
    database_url: str, tmp_path: Path, sql: Callable[..., list[Any]]
) -> None:
    write(tmp_path, rocketchat_message=[say(f"m{number}", 1, "ann", "x") for number in range(30)])
    assert chat(database_url, "import", "--from", "rocketchat", str(tmp_path)).exit_code == 0
    assert sql("select count(distinct created_at), count(*) from messages") == [(30, 30)]


@pytest.mark.parametrize(
    ("name", "line", "sentence"),
    [
        ("users", "{", "users.json, line 2: it is no JSON"),
        ("users", "[1]", "users.json, line 2: it is no document; export without --jsonArray"),
        ("users", '{"username": "x"}', "users.json, line 2: `_id`: Missing data for required field."),
        ("users", '{"_id": 7}', "users.json, line 2: `_id`: Not a valid string."),
        ("users", '{"_id": "x", "createdAt": {"$date": "soon"}}', "users.json, line 2: `createdAt`: Not a date."),
        ("rocketchat_room", '{"_id": "x"}', "rocketchat_room.json, line 2: `t`: Missing data"),
        ("rocketchat_subscription", '{"rid": "x"}', "rocketchat_subscription.json, line 2: `u`: Missing data"),
        ("rocketchat_subscription", '{"rid": "x", "u": 1}', "line 2: `u._schema`: Invalid input type."),
        ("rocketchat_message", '{"_id": "x", "rid": "y", "u": {"_id": "z"}}', "line 2: `ts`: Missing data"),
        (
            "rocketchat_message",
            '{"_id": "x", "rid": "y", "ts": {"$date": 1e999}, "u": {"_id": "z"}}',
            "`ts`: Not a date.",
        ),
        ("rocketchat_message", "[" * 100_000, "line 2: it is no JSON"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(
    database_url: str, tmp_path: Path, sql: Callable[..., list[Any]], name: str, line: str, sentence: str
) -> None:
    file = write(tmp_path) / f"{name}.json"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], line, *lines[1:]]))
    refused = chat(database_url, "import", "--from", "rocketchat", str(tmp_path))
    assert (refused.exit_code, sentence in refused.stderr) == (1, True), refused.stderr
    assert sql("select count(*) from users") == [(0,)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reactions", [1]), ("reactions", {":x:": 1}), ("mentions", ["ann"]), ("replies", 7), ("attachments", 7),
        ("attachments", [1]), ("msg", {"a": 1}), ("editedAt", [7]), ("pinnedAt", "now"), ("tmid", {"a": 1}),
        ("alias", 7), ("customFields", "x"), ("ts", {"$date": 10**30}), ("u", {"_id": ""}),
    ],
)  # fmt: skip
def test_odd_fields_of_a_message_end_with_its_line(database_url: str, tmp_path: Path, field: str, value: Any) -> None:
    write(tmp_path, rocketchat_message=[say("m0", 0, "ann", "fine"), {**say("m1", 1, "ann", "odd"), field: value}])
    refused = chat(database_url, "import", "--from", "rocketchat", str(tmp_path))
    assert refused.exit_code == 1
    assert f"rocketchat_message.json, line 2: `{field}" in refused.stderr


def test_empty_fields_are_as_none(database_url: str, tmp_path: Path, sql: Callable[..., list[Any]]) -> None:
    names = ("reactions", "mentions", "replies", "attachments", "msg", "editedAt", "tmid", "alias", "t", "customFields")
    write(tmp_path, rocketchat_message=[{**say("m0", 0, "ann", ""), **dict.fromkeys(names)}])
    assert chat(database_url, "import", "--from", "rocketchat", str(tmp_path)).exit_code == 0
    assert sql("select message, custom from messages") == [("", None)]


def test_what_is_not_there_is_said(database_url: str, tmp_path: Path) -> None:
    (write(tmp_path) / "rocketchat_room.json").unlink()
    refused = chat(database_url, "import", "--from", "rocketchat", str(tmp_path))
    assert "mongoexport --collection=rocketchat_room --out=rocketchat_room.json" in refused.stderr
    assert chat(database_url, "import", str(tmp_path)).exit_code == 2
    assert chat(database_url, "import", "--from", "rocketchat", str(tmp_path / "users.json")).exit_code == 2
