"""The cursor of a sync: what changed after the answer that gave it, whatever the number of conversations."""

import json
import random
import subprocess
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from flask import Flask

from chat.auth import Caller
from chat.config import Config
from chat.embedded import find_program
from chat.storage import Storage
from chat.storage.postgres import PostgresStorage
from tests.conftest import databases
from tests.support.answers import refuses
from tests.support.client import Api
from tests.support.reader import Ask, Reader
from tests.support.server import Device, Server
from tests.support.waiting import wait_until

Json = dict[str, Any]
Sql = Callable[..., list[Any]]

#: Bytes of an answer at most: it may be over by its last conversation.
MOST = 2 * 1024 * 1024 + 1024 * 1024 + 200_000


class World:
    """Users and conversations, written by SQL."""

    def __init__(self, sql: Sql) -> None:
        self.sql = sql

    def user(self, name: str) -> str:
        return str(self.sql("insert into users (username) values (%s) returning id", name)[0][0])

    def conversation(self, *users: str) -> str:
        draft = json.dumps({"name": "a group", "participant_ids": users})
        made = self.sql("select chat_create_conversation(%s, null, %s) -> 'result' ->> 'id'", users[0], draft)
        return str(made[0][0])

    def send(self, id: str, user: str, text: str = "hello") -> Json:
        draft = json.dumps({"message": text})
        return self.sql("select chat_send_message(%s, null, %s, %s) -> 'result'", user, id, draft)[0][0]

    def read(self, id: str, user: str, seq: int) -> None:
        self.sql("select chat_update_receipt(%s, null, %s, %s)", user, id, json.dumps({"read_seq": seq}))

    def remove(self, id: str, user: str) -> None:
        self.sql(
            "with gone as (delete from user_conversation where conversation_id = %s and user_id = %s returning 1) "
            "update conversations set audience_version = audience_version + 1, version = version + 1 "
            "from gone where id = %s",
            *(id, user, id),
        )

    def add(self, id: str, user: str) -> None:
        self.sql(
            "with new as (insert into user_conversation (conversation_id, user_id) values (%s, %s) "
            "on conflict do nothing returning 1) "
            "update conversations set audience_version = audience_version + 1, version = version + 1 "
            "from new where id = %s",
            *(id, user, id),
        )

    def settle(self) -> None:
        """Wait until no transaction is under way anywhere that began before now: until then things may come twice."""
        ((mark,),) = self.sql("select pg_current_xact_id()::text::bigint")
        settled = "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint > %s"
        wait_until(lambda: bool(self.sql(settled, mark)[0][0]))


def ask_by(storage: Storage, user: str) -> Ask:
    """Return the sync of a user over a storage."""

    def ask(limit: int, since: dict[str, int] | None = None, cursor: str | None = None) -> Json:
        text = storage.sync(Caller(user), since, cursor, limit)
        assert len(text) < MOST
        return json.loads(text)

    return ask


@pytest.fixture
def world(sql: Sql) -> World:
    return World(sql)


@pytest.fixture(params=["http", "postgres", "supabase"])
def ask(request: pytest.FixtureRequest, database_url: str, bob: str) -> Iterator[Ask]:
    """Bob's sync, over HTTP and through each driver."""
    if request.param == "http":
        api: Api = request.getfixturevalue("api")
        yield lambda **body: api.request("POST", "/sync", {"user_id": bob, **body})
        return
    config, url = Config(), database_url
    if request.param == "postgres":
        storage: Storage = PostgresStorage(config, url)
    else:
        from chat.storage.supabase import SupabaseStorage

        api_of_postgrest = request.getfixturevalue("postgrest")
        key = api_of_postgrest.service_role_key
        storage = SupabaseStorage(Config(supabase_project_url=api_of_postgrest.url, supabase_service_role_key=key))
    storage.open()
    yield ask_by(storage, bob)
    storage.close()


@pytest.fixture
def direct(database_url: str) -> Iterator[PostgresStorage]:
    storage = PostgresStorage(Config(), database_url)
    storage.open()
    yield storage
    storage.close()


@pytest.fixture
def ann(world: World) -> str:
    return world.user("ann")


@pytest.fixture
def bob(world: World) -> str:
    return world.user("bob")


@pytest.fixture
def reader(ask: Ask, world: World, ann: str, bob: str) -> Reader:
    """Bob's client, which knows two conversations with Ann."""
    for _ in range(2):
        world.send(world.conversation(ann, bob), ann)
    world.settle()
    reader = Reader(ask)
    reader.catch_up()
    assert len(reader.conversations) == 2
    return reader


def ids(answer: Json, *, whole: bool) -> list[str]:
    return [each["id"] for each in answer["conversations"] if ("recovered" in each) is whole]


# what it brings -------------------------------------------------------------------------------------------------------


def test_it_brings_what_has_changed_and_nothing_else(reader: Reader, world: World, ann: str, bob: str) -> None:
    first, second = list(reader.conversations)

    def changes() -> Json:
        world.settle()
        answer = reader.pull()
        assert (answer["has_more"], answer["reset"]) == (False, False)
        assert reader.pull()["conversations"] == []
        reader.shows_what_a_fresh_one_shows()
        return answer

    assert changes()["conversations"] == []
    sent = world.send(second, ann, "new")
    answer = changes()
    assert ids(answer, whole=True) == [second]
    assert [message["id"] for message in answer["conversations"][0]["messages"]] == [sent["id"]]
    assert answer["conversations"][0]["recovered"] is True
    world.read(first, bob, 1)
    answer = changes()
    assert ids(answer, whole=False) == [first]
    assert answer["conversations"][0]["unread_count"] == 0
    world.read(first, ann, 1)  # another member's pointers are not part of it
    assert changes()["conversations"] == []
    opened = world.conversation(ann, bob)
    assert ids(changes(), whole=True) == [opened]
    world.remove(first, bob)
    answer = changes()
    assert answer["removed"] == [first]
    assert answer["conversations"] == []
    world.send(first, ann, "in between")
    assert changes()["conversations"] == []
    world.add(first, bob)
    answer = changes()
    assert ids(answer, whole=True) == [first]
    assert answer["conversations"][0]["recovered"] is False
    world.remove(first, bob)
    world.add(first, bob)
    answer = changes()
    assert (ids(answer, whole=True), answer["removed"]) == ([first], [])
    world.remove(first, ann)
    answer = changes()
    assert [user["username"] for user in answer["conversations"][0]["participants"]] == ["bob"]
    assert (answer["conversations"][0]["messages"], answer["conversations"][0]["recovered"]) == ([], True)
    world.sql("delete from conversations where id = %s", second)
    assert changes()["removed"] == [second]


def test_more_changes_than_the_limit_are_a_new_start(reader: Reader, world: World, ann: str) -> None:
    first, second = list(reader.conversations)
    reader.limit = 3
    for number in range(4):
        world.send(first, ann, f"{number}")
        if number:
            world.send(second, ann, f"{number}")
    synced = {each["id"]: each for each in reader.pull()["conversations"]}
    assert (synced[first]["recovered"], synced[second]["recovered"]) == (False, True)
    for each in synced.values():
        assert [message["message"] for message in each["messages"]] == ["1", "2", "3"]


def test_rows_from_before_the_upgrade_have_not_changed(ask: Ask, world: World, ann: str, bob: str, sql: Sql) -> None:
    id = world.conversation(ann, bob)
    world.send(id, ann)
    sql("set session_replication_role = replica")
    for table in ("conversations", "user_conversation", "messages"):
        sql(f"update {table} set changed_in = null")
    sql("update user_conversation set joined_in = null")
    sql("set session_replication_role = origin")
    world.settle()
    reader = Reader(ask)
    reader.catch_up()
    world.settle()
    assert reader.pull()["conversations"] == []
    sent = world.send(id, ann, "new")
    (synced,) = reader.pull()["conversations"]
    assert synced["recovered"] is True
    assert [message["id"] for message in synced["messages"]] == [sent["id"]]
    reader.shows_what_a_fresh_one_shows()


def test_a_transaction_that_began_early_and_commits_late_is_not_lost(
    reader: Reader, world: World, ann: str, database_url: str
) -> None:
    first, second = list(reader.conversations)
    with psycopg.connect(database_url) as late:
        late.execute("select pg_current_xact_id()")
        late.execute("insert into users (username) values ('early')")
        world.send(first, ann, "written after, committed before")
        late.execute('select chat_send_message(%s, null, %s, \'{"message": "late"}\')', (ann, second))
        for _ in range(2):
            reader.pull()
        assert "late" not in str(reader.conversations)
        world.send(first, ann, "after the sync")
        late.commit()
    reader.pull()
    assert "'late'" in str(reader.conversations[second])
    reader.shows_what_a_fresh_one_shows()


# walks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [2, 50])
@pytest.mark.parametrize("seed", range(3))
def test_a_walk_leaves_nothing_out_whatever_is_written_meanwhile(
    direct: PostgresStorage, world: World, ann: str, bob: str, seed: int, limit: int
) -> None:
    chance = random.Random(seed)
    conversations = [world.conversation(ann, bob) for _ in range(120)]
    for id in conversations:
        world.send(id, ann, "at first")
    reader = Reader(ask_by(direct, bob), limit=limit)

    def change() -> None:
        id = chance.choice(conversations)
        is_member = bool(
            world.sql("select from user_conversation where conversation_id = %s and user_id = %s", id, bob)
        )
        what = chance.choice(["send", "send", "read", "remove", "add", "open", "delete"])
        if what == "send":
            world.send(id, ann, "x" * chance.choice([1, 10_000]))
        elif what == "read" and is_member:
            world.read(id, bob, chance.randint(0, 5))
        elif what == "remove":
            world.remove(id, bob)
        elif what == "add":
            world.add(id, bob)
        elif what == "open":
            conversations.append(world.conversation(ann, bob))
        elif what == "delete" and len(conversations) > 100:
            conversations.remove(id)
            world.sql("delete from conversations where id = %s", id)

    for _ in range(2):
        for _ in range(100):
            answer = reader.pull()
            for _ in range(chance.randint(0, 30)):
                change()
            if not answer["has_more"]:
                break
        for _ in range(chance.choice([0, 60, 250])):
            change()
        reader.catch_up(20)
        reader.shows_what_a_fresh_one_shows()


@pytest.mark.parametrize("is_first", [True, False])
def test_what_is_written_to_before_the_walk_comes_to_it_is_not_passed_over(
    direct: PostgresStorage, world: World, ann: str, bob: str, is_first: bool
) -> None:
    conversations = [world.conversation(ann, bob) for _ in range(60)]
    reader = Reader(ask_by(direct, bob))
    if not is_first:
        reader.catch_up()
        world.settle()
        reader.pull()
    for id in conversations:
        world.send(id, ann, "before the walk")
    world.settle()
    walked = set(ids(reader.pull(), whole=True))
    for id in set(conversations) - walked:
        world.send(id, ann, "during the walk")
    world.settle()
    reader.catch_up()
    reader.shows_what_a_fresh_one_shows()
    reader.pull()
    reader.shows_what_a_fresh_one_shows()


def test_many_summaries_are_pages_too(direct: PostgresStorage, world: World, ann: str, bob: str, sql: Sql) -> None:
    many_conversations(sql, ann, bob, 20_000)
    world.settle()
    reader = Reader(ask_by(direct, bob))
    reader.cursor = direct_cursor(direct, sql)
    sql("update user_conversation set last_delivered_seq = 1 where user_id = %s", bob)
    seen: list[str] = []
    answers = 0
    has_more = True
    while has_more:
        answer = reader.ask(cursor=reader.cursor, limit=50)
        seen += ids(answer, whole=False)
        reader.cursor, has_more = answer["cursor"], answer["has_more"]
        answers += 1
    assert len(seen) == len(set(seen)) == 20_000
    assert answers == 3


def many_conversations(sql: Sql, owner: str, member: str, count: int) -> None:
    """Open many conversations at once, with a message in each."""
    sql(
        "with c as (insert into conversations (name, owner_user_id, last_seq, version, created_at) "
        "select 'spam ' || n, %s, 1, 2, now() - n * interval '1 second' from generate_series(1, %s) as n "
        "returning id), "
        "m as (insert into user_conversation (conversation_id, user_id) "
        "select id, u from c, unnest(%s::uuid[]) as u) "
        "insert into messages (conversation_id, user_id, message, seq, version) select id, %s, 'spam', 1, 2 from c",
        *(owner, count, [owner, member], owner),
    )
    sql("analyze")


def direct_cursor(storage: PostgresStorage, sql: Sql) -> str:
    """Return the cursor of a client that knows everything up to now."""
    ((epoch, xmin),) = sql("select chat_epoch(), pg_snapshot_xmin(pg_current_snapshot())::text")
    return f"{epoch}.{xmin}"


def test_who_is_added_to_ten_thousand_conversations_comes_to_the_end(
    direct: PostgresStorage, world: World, ann: str, bob: str, sql: Sql
) -> None:
    many_conversations(sql, ann, bob, 10_200)
    reader = Reader(ask_by(direct, bob), limit=1)
    assert reader.catch_up(300) == 204
    assert len(reader.conversations) == 10_200
    world.settle()
    reader.pull()
    id = world.conversation(ann, bob)
    assert id in ids(reader.pull(), whole=True)
    assert len(reader.conversations) == 10_201


def test_a_walk_that_since_began_goes_on_by_cursor(api: Api, world: World, ann: str, bob: str) -> None:
    conversations = [world.conversation(ann, bob) for _ in range(60)]
    known = dict.fromkeys(conversations[:5], 1)  # the oldest
    answer = api.sync({"id": bob}, known)
    assert (len(ids(answer, whole=True)), sorted(ids(answer, whole=False))) == (50, sorted(known))
    assert answer["has_more"]
    seen = {each["id"] for each in answer["conversations"]}
    while answer["has_more"]:
        answer = api.request("POST", "/sync", {"user_id": bob, "cursor": answer["cursor"]})
        seen |= {each["id"] for each in answer["conversations"]}
    assert seen == set(conversations)


# cursors of no use ----------------------------------------------------------------------------------------------------


def test_a_cursor_that_this_database_did_not_make_starts_afresh(ask: Ask, reader: Reader) -> None:
    assert reader.cursor
    epoch, xid = reader.cursor.split(".")
    for bad in (
        "garbage",
        "ä.1",
        ".",
        "'; drop table users; --",
        f"{epoch}",
        f"{epoch}.",
        f"{epoch}.-1",
        f"{epoch}.x",
        f"{epoch}.{int(xid) + 1_000_000_000}",  # from the future
        f"{epoch}.{xid}.{int(xid) + 1_000_000_000}.1.{uuid4()}",
        f"{epoch}.{xid}.{xid}.{uuid4()}",
        f"{epoch}.{xid}.{xid}.1.{uuid4()}.1",
        f"{epoch}.{xid}\n",
        f"{epoch}.{'9' * 30}",
        f"{'0' * 12}.{xid}",  # of another database
        f"{epoch[::-1]}x.{xid}",
    ):
        answer = ask(cursor=bad, limit=50)
        assert answer["reset"] is True, bad
        assert set(ids(answer, whole=True)) == reader.conversations.keys()
        assert answer["removed"] == []
        assert ask(cursor=answer["cursor"], limit=50)["reset"] is False


def test_a_walk_from_before_1970_goes_on(direct: PostgresStorage, world: World, ann: str, bob: str, sql: Sql) -> None:
    for _ in range(60):
        world.conversation(ann, bob)
    sql("update conversations set created_at = '1960-01-01'")
    reader = Reader(ask_by(direct, bob))
    assert reader.catch_up(5) == 2
    assert len(reader.conversations) == 60


@pytest.mark.parametrize("bad", ["", " ", "x" * 201, 1, None, ["x"]])
def test_what_is_no_cursor_is_refused(app: Flask, bob: str, bad: Any) -> None:
    refuses(app.test_client().post("/sync", json={"user_id": bob, "cursor": bad}), "cursor")


def test_since_and_cursor_together_are_refused(app: Flask, bob: str) -> None:
    refuses(app.test_client().post("/sync", json={"user_id": bob, "since": {}, "cursor": "x"}), "cursor")


def restored(url: str, target_url: str) -> None:
    """Dump a database and restore it into another, empty one."""
    dumped = subprocess.run([find_program("pg_dump"), "-Fc", url], capture_output=True, check=True)
    command = [find_program("pg_restore"), "--no-owner", "--exit-on-error", "-d", target_url]
    subprocess.run(command, input=dumped.stdout, check=True)


def test_a_database_restored_from_a_dump_starts_a_new_epoch(
    cluster: str, database_url: str, world: World, ann: str, bob: str
) -> None:
    known = [world.conversation(ann, bob) for _ in range(3)]
    for id in known:
        world.send(id, ann)
    storage = PostgresStorage(Config(), database_url)
    storage.open()
    before = Reader(ask_by(storage, bob))
    before.catch_up()
    storage.close()
    with databases(cluster) as make:
        url = make("template0")
        restored(database_url, url)
        storage = PostgresStorage(Config(), url)
        storage.open()
        with psycopg.connect(url, autocommit=True) as connection:
            run = lambda query, *params: fetch(connection, query, params)  # noqa: E731
            there = World(run)
            # As in a cluster of its own, whose transactions are numbered from the start.
            run("set session_replication_role = replica")
            for table in ("conversations", "user_conversation", "messages"):
                run(f"update {table} set changed_in = (pg_current_xact_id()::text::bigint + 40)::text::xid8")
            run("update user_conversation set joined_in = changed_in")
            run("set session_replication_role = origin")
            reader = Reader(ask_by(storage, bob))
            reader.cursor, reader.conversations = before.cursor, dict(before.conversations)
            answer = reader.pull()
            assert answer["reset"] is True
            assert set(ids(answer, whole=True)) == set(known)
            for number in range(30):  # their numbers come and pass
                there.send(known[number % 2], ann, f"{number}")
                if number % 3 == 0:
                    there.conversation(ann)
                assert reader.pull()["reset"] is False
                reader.shows_what_a_fresh_one_shows()
            there.settle()
            reader.pull()
            assert reader.pull()["conversations"] == []
        storage.close()


def fetch(connection: psycopg.Connection, query: Any, params: Any) -> list[Any]:
    cursor = connection.execute(query, params)
    return cursor.fetchall() if cursor.description else []


# over the socket ------------------------------------------------------------------------------------------------------


def test_join_takes_a_cursor(server: Server, connect: Callable[..., Device]) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    first, second = (api.conversation(ann, bob) for _ in range(2))
    cursor = api.sync(bob)["cursor"]
    sent = api.send(first, ann)
    device = connect(server)
    joined = device.join(bob, cursor=cursor)
    assert joined["user"]["id"] == bob["id"]
    assert first["id"] in [each["id"] for each in joined["conversations"]]
    assert sent["id"] in str(joined)
    assert (joined["has_more"], joined["reset"]) == (False, False)
    assert device.join(bob, cursor="garbage")["reset"] is True
    assert device.join(bob, cursor=cursor, since={second["id"]: 1})["error"]["code"] == "validation_failed"
    assert "cursor" not in device.join(bob)
