"""`export` and `import`: everything goes through a file and is the same again; and what Stream Chat exports."""

import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from flask import Flask

from chat.app import create_app
from chat.auth import Caller
from chat.config import Config
from chat.storage import bulk
from chat.storage.bulk import find_tables
from chat.storage.postgres import PostgresStorage
from tests.support.postgrest import PostgrestStandIn

#: Numbers of transactions, and what each server adds by itself.
DIGEST = """
    select md5(coalesce(string_agg(content, ' ' order by content), ''))
    from (select (to_jsonb(t) - 'changed_in' - 'joined_in')::text as content from public.{} as t) as contents
"""

Chat = Callable[..., Result]


def chat(url: str, *arguments: str) -> Result:
    with tempfile.TemporaryDirectory() as files:  # of the demo's picture, which nothing reads
        app: Flask = create_app(Config(auth_mode="open", database_url=url, attachments_dir=files).checked())
        with app.app_context():
            return app.test_cli_runner(catch_exceptions=False).invoke(args=list(arguments))


def digests(url: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        tables = [table.name for table in find_tables(connection)]
        return {name: connection.execute(DIGEST.format(name)).fetchone()[0] for name in tables}  # type: ignore[index]


@pytest.fixture
def told(database_url: str) -> str:
    """A database with the demo's people and talks, and with odd values besides."""
    assert chat(database_url, "seed-demo").exit_code == 0
    storage = PostgresStorage(Config(), database_url)
    storage.open()
    ann = Caller(storage.create_user("ann")["id"])
    id = storage.create_conversation(ann, {"name": "many", "participant_ids": []}).result["id"]
    for number in range(20):
        storage.send_message(ann, id, {"message": f"\\{number}\n\"'\u2028😀", "client_id": f"c-{number}"})
    storage.close()
    with psycopg.connect(database_url) as connection:
        odd = '{"big": 123456789012345678901234567890.5, "text": "\\u00e9\\n", "none": null}'
        connection.execute("update users set custom = %s where id = %s", [odd, ann.user_id])
        connection.execute("insert into chat_jobs (kind, every, claims) values ('k', 0.1, 7)")
    return database_url


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz"])
def test_what_is_exported_is_imported_the_same(
    told: str, make_database: Callable[..., str], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BATCH_ROWS", 7)
    file, target = tmp_path / name, make_database()
    exported = chat(told, "export", str(file))
    assert exported.exit_code == 0, exported.output
    imported = chat(target, "import", str(file))
    assert imported.exit_code == 0, imported.output
    assert digests(target) == digests(told)
    assert list(tmp_path.iterdir()) == [file]
    # Numbers that the database gives go on after those that came.
    with psycopg.connect(target) as connection:
        add = "insert into chat_jobs (kind) values ('k') returning id > (select max(id) from chat_jobs)"
        assert connection.execute(add).fetchone() == (True,)


def test_an_import_that_was_interrupted_goes_on(
    told: str, make_database: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BATCH_ROWS", 7)
    file, target = tmp_path / "all.jsonl", make_database()
    chat(told, "export", str(file))
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    file.write_bytes(b"".join(lines[: len(lines) // 2]) + lines[len(lines) // 2][:20])
    broken = chat(target, "import", str(file))
    assert broken.exit_code == 1
    assert "it is not whole" in broken.stderr
    file.write_bytes(whole)
    refused = chat(target, "import", str(file))
    assert refused.exit_code == 1
    assert "--resume" in refused.stderr
    assert chat(target, "import", "--resume", str(file)).exit_code == 0
    assert digests(target) == digests(told)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no file that `export` has written"),
        (b"[1]\n", "no file that `export` has written"),
        (b'{"format":1,"schema":99999,"rows":0}\n', "newer release"),
        (b'{"format":1,"schema":1,"rows":1}\n{"table":"nothing","row":{"id":1}}\n{"end":1}\n', "nothing is not one of"),
        (b'{"format":1,"schema":1,"rows":1}\n{"table":"users","row":{"id":"x","new":1}}\n{"end":1}\n', "no column new"),
        (b'{"format":1,"schema":1,"rows":1}\n{"table":"users","row":{"id":"x"}}\n{"end":1}\n', "The database says"),
    ],
)
def test_what_cannot_be_imported_is_said(database_url: str, tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "file.jsonl"
    file.write_bytes(content)
    refused = chat(database_url, "import", str(file))
    assert refused.exit_code == 1
    assert sentence in refused.stderr
    assert refused.stderr.startswith("chat: ")


def test_a_file_that_cannot_be_written(database_url: str, tmp_path: Path) -> None:
    refused = chat(database_url, "export", str(tmp_path / "none" / "file"))
    assert (refused.exit_code, refused.stderr) == (1, "chat: The file cannot be used: No such file or directory.\n")


@pytest.mark.parametrize("command", [["export", "x"], ["database", "pg_dump"]])
def test_through_the_api_it_says_what_is_needed(
    postgrest: PostgrestStandIn, tmp_path: Path, command: list[str]
) -> None:
    key = postgrest.service_role_key
    config = Config(auth_mode="open", supabase_project_url=postgrest.url, supabase_service_role_key=key)
    app = create_app(config.checked())
    with app.app_context():
        refused = app.test_cli_runner(catch_exceptions=False).invoke(args=command)
    assert refused.exit_code == 1
    assert "set DATABASE_URL to the project's connection string" in refused.stderr


# Stream Chat

ITEMS: list[tuple[str, dict[str, Any]]] = [
    ("message", {"id": "m2", "channel_type": "messaging", "channel_id": "HQ", "user": "bob", "text": "second",
                 "created_at": "2024-01-02T10:00:00Z", "parent_id": "m1", "mentioned_users_ids": ["ann", "gone"]}),
    ("user", {"id": "ann", "name": "Ann", "image": "https://example.com/a.png", "colour": "red", "role": "user",
              "created_at": "2023-01-01T00:00:00Z"}),
    ("user", {"id": "bob"}),
    ("channel", {"id": "HQ", "type": "messaging", "created_by": "ann", "name": "Headquarters"}),
    ("channel", {"type": "messaging", "created_by": {"id": "bob"}, "member_ids": ["bob", "ann"]}),
    ("member", {"channel_type": "messaging", "channel_id": "HQ", "user_id": "bob", "is_moderator": True}),
    ("message", {"id": "m1", "channel_type": "messaging", "channel_id": "HQ", "user": {"id": "ann"}, "text": "first",
                 "created_at": "2024-01-01T12:00:00+02:00", "attachments": [{"image_url": "https://example.com/i"}]}),
    ("message", {"id": "m3", "channel_type": "messaging", "channel_member_ids": ["ann", "bob"], "user": "ann",
                 "text": "gone", "deleted_at": "2024-02-01T00:00:00Z", "created_at": "2024-01-03T00:00:00Z"}),
    ("message", {"id": "m4", "channel_type": "messaging", "channel_id": "none", "user": "ann", "text": "lost"}),
    ("reaction", {"message_id": "m1", "type": "love", "user_id": "bob", "created_at": "2024-01-02T00:00:00Z"}),
    ("device", {"id": "d", "user_id": "ann"}),
]  # fmt: skip


def as_lines(items: list[tuple[str, dict[str, Any]]]) -> bytes:
    return b"".join(json.dumps({"type": kind, "data": item}).encode() + b"\n" for kind, item in items)


def as_array(items: list[tuple[str, dict[str, Any]]]) -> bytes:
    return json.dumps([{"type": kind, "item": item} for kind, item in items], indent=1).encode()


@pytest.mark.parametrize("write", [as_lines, as_array])
def test_what_stream_chat_imports_is_imported(
    database_url: str, sql: Callable[..., list[Any]], tmp_path: Path, write: Callable[[Any], bytes]
) -> None:
    file = tmp_path / "stream.json.gz"
    file.write_bytes(gzip.compress(write(ITEMS)))
    done = chat(database_url, "import", "--from", "stream", str(file))
    assert done.exit_code == 0, done.output
    assert "Left out: 1 device items." in done.stderr
    assert "Left out: 1 message items that name what is not in the file." in done.stderr
    storage = PostgresStorage(Config(), database_url)
    storage.open()
    ids = dict(sql("select username, id::text from users"))
    assert ids.keys() == {"Ann", "bob"}
    assert sql("select avatar_url, custom from users where username = 'Ann'") == [
        ("https://example.com/a.png", {"colour": "red"})
    ]
    listed = json.loads(storage.list_conversations(Caller(ids["bob"]), 10, 10).items)
    by_name = {each["name"]: each for each in listed}
    first, second = by_name["Headquarters"]["messages"]
    assert [first["message"], second["message"]] == ["first", "second"]
    assert (first["seq"], second["seq"], by_name["Headquarters"]["version"]) == (1, 2, 3)
    assert first["created_at"] == "2024-01-01T10:00:00.000000+00:00"
    assert (first["reply_count"], second["thread_id"]) == (1, first["id"])
    assert first["custom"] == {"attachments": [{"image_url": "https://example.com/i"}]}
    assert [(each["emoji"], each["count"]) for each in first["reactions"]] == [("❤️", 1)]
    assert second["mentions"] == [ids["Ann"]]
    (deleted,) = by_name["Conversation"]["messages"]
    assert (deleted["message"], deleted["deleted_at"]) == ("", "2024-02-01T00:00:00.000000+00:00")
    assert {each["username"]: each["role"] for each in by_name["Headquarters"]["participants"]} == {
        "Ann": "owner", "bob": "admin"}  # fmt: skip
    assert by_name["Headquarters"]["unread_count"] == 0
    sent = storage.send_message(Caller(ids["Ann"]), by_name["Headquarters"]["id"], {"message": "it goes on"}).result
    assert (sent["seq"], sent["version"]) == (3, 4)
    storage.close()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"type": "user"}', b'{"type":"user","item":{}}'])
def test_what_is_not_of_stream_is_refused(database_url: str, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    refused = chat(database_url, "import", "--from", "stream", str(file))
    assert refused.exit_code == 1
    assert "no file that Stream Chat imports" in refused.stderr


def test_the_item_of_stream_that_cannot_be_read_is_named(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(as_lines([("user", {"id": "ann"}), ("user", {"id": "bob", "created_at": "soon"})]))
    refused = chat(database_url, "import", "--from", "stream", str(file))
    assert (refused.exit_code, "Number 2 cannot be read" in refused.stderr) == (1, True)


def test_messages_of_stream_at_the_same_time_get_times_one_after_the_other(
    database_url: str, sql: Callable[..., list[Any]], tmp_path: Path
) -> None:
    file = tmp_path / "file"
    at = {"created_at": "2024-01-01T00:00:00Z"}
    channel = {"channel_type": "messaging", "channel_id": "HQ", "user": "ann"}
    items: list[tuple[str, dict[str, Any]]] = [
        ("user", {"id": "ann"}), ("channel", {"id": "HQ", "type": "messaging", "created_by": "ann"}),
        *(("message", {"id": f"m{number}", "text": "x", **channel, **at}) for number in range(3)),
    ]  # fmt: skip
    file.write_bytes(as_lines(items))
    assert chat(database_url, "import", "--from", "stream", str(file)).exit_code == 0
    assert sql("select count(distinct created_at) from messages") == [(3,)]
