"""Erasure: a person goes, at once and everywhere, whatever happens meanwhile."""

import json
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from flask import Flask

from chat.actions import erasure
from chat.auth import Caller
from chat.errors import ChatError, StorageUnavailable
from chat.storage import Storage
from tests.support.client import Api
from tests.support.server import Device, Server
from tests.support.waiting import wait_until

Json = dict[str, Any]
Sql = Callable[..., list[Any]]
NAME = "Wilhelmina the first"


def erase(api: Api, user: Json, status: int = 200, query: str = "", **headers: str) -> Json:
    return api.request("DELETE", f"/users/{user['id']}?user_id={user['id']}&{query}", status=status, **headers)


@pytest.fixture
def gone(api: Api, sql: Sql, bob: Json) -> Json:
    """Somebody who has left traces of every kind, in a conversation of bob's and in one of their own."""
    user = api.user(NAME)
    body = {"user_id": user["id"], "about": NAME, "avatar_url": f"https://a.example/{NAME[:5]}", "custom": {"n": NAME}}
    api.request("PATCH", f"/users/{user['id']}", body)
    talk = api.conversation(user, bob)
    own = api.conversation(user)
    for other in (bob, api.user("eve")):
        api.request("PUT", f"/users/{other['id']}/block", {"user_id": user["id"]})
    api.request("PUT", f"/users/{user['id']}/block", {"user_id": bob["id"]})
    api.send(own, user, NAME)
    for number in range(5):
        message = api.send(talk, user, f"I am {NAME}, {number}")
        api.send(talk, bob, "and I am bob")
    sql("insert into chat_message_edits values (%s, 1, %s, %s, now())", message["id"], user["id"], f"I was {NAME}")
    sql("update messages set edited_at = now(), edited_version = version where id = %s", message["id"])
    others = sql("select id from messages where user_id = %s order by seq limit 1", bob["id"])[0][0]
    for id in (bob["id"], user["id"]):
        sql("insert into chat_reactions values (%s, '👍', %s)", others, id)
    reactions = [{"emoji": "👍", "count": 2, "user_ids": [bob["id"], user["id"]]}]
    sql("update messages set reactions = %s where id = %s", json.dumps(reactions), others)
    sql("insert into chat_mentions values (%s, %s, %s, 2, now())", others, user["id"], talk["id"])
    sql(
        "insert into chat_thread_members (thread_id, user_id, conversation_id) values (%s, %s, %s)",
        others,
        user["id"],
        talk["id"],
    )
    draft = json.dumps({"message": NAME})
    sql(
        "insert into chat_scheduled (conversation_id, user_id, draft, send_at) values (%s, %s, %s, now())",
        talk["id"],
        user["id"],
        draft,
    )
    sql("insert into chat_invites (code, conversation_id, user_id) values ('c', %s, %s)", talk["id"], user["id"])
    return user | {"talk": talk["id"], "reacted": others}


def run_jobs(app: Flask, user: Json, keep_messages: bool = False) -> None:
    with app.app_context():
        erasure.erase_traces(user["id"], keep_messages)


def everything(sql: Sql) -> str:
    """Return all that is in the database as text."""
    tables = sql("select tablename from pg_tables where schemaname = 'public'")
    return "\n".join(str(sql(f"select t::text from {table} as t")) for (table,) in tables)


def assert_left_nothing(sql: Sql, user: Json) -> None:
    tables = ("user_conversation", "chat_reactions", "chat_mentions", "chat_thread_members", "chat_scheduled",
              "chat_invites", "chat_former_members")  # fmt: skip
    for table in tables:
        assert sql(f"select * from {table} where user_id = %s", user["id"]) == [], table
    assert sql("select * from chat_blocks where %s in (user_id, blocked_user_id)", user["id"]) == []


def test_the_person_is_gone_at_once(api: Api, sql: Sql, bob: Json, gone: Json) -> None:
    erased = erase(api, gone)
    assert erased["id"] == gone["id"]
    for caller in (bob, gone):
        path = f"/users/{gone['id']}?user_id={caller['id']}"
        assert api.request("GET", path, status=404)["code"] == "user_not_found"
    assert erase(api, gone, 404)["code"] == "user_not_found"
    assert NAME not in str(sql("select u::text from users as u"))
    assert NAME not in str(api.request("GET", f"/users/search?user_id={bob['id']}"))
    assert {each["users"]["username"] for each in api.messages({"id": gone["talk"]})} == {"Deleted user", "bob"}
    assert sql("select kind, payload ->> 'user_id' from chat_jobs") == [("erase_user", gone["id"])]


def test_nothing_of_it_is_left_afterwards(app: Flask, api: Api, sql: Sql, bob: Json, gone: Json) -> None:
    erase(api, gone)
    before = sql("select version from conversations where id = %s", gone["talk"])[0][0]
    run_jobs(app, gone)
    assert NAME not in everything(sql)
    assert_left_nothing(sql, gone)
    conversation = api.conversations(bob)[0]
    assert [each["username"] for each in conversation["participants"]] == ["bob"]
    assert conversation["owner_user_id"] == bob["id"]
    assert conversation["version"] == before + 1 + 1 + 5  # left, a reaction, the messages
    messages = api.messages({"id": gone["talk"]})
    assert [each["version"] for each in messages if each["deleted_at"]] == list(range(before + 3, before + 8))
    (reacted,) = [each for each in messages if each["reactions"]]
    assert reacted["reactions"] == [{"emoji": "👍", "count": 1, "user_ids": [bob["id"]]}]
    assert reacted["version"] == before + 2
    assert sql("select count(*) from conversations") == [(1,)]  # the other one was empty


def test_messages_stay_when_they_are_kept(app: Flask, api: Api, sql: Sql, bob: Json, gone: Json) -> None:
    erase(api, gone, query="messages=keep")
    run_jobs(app, gone, keep_messages=True)
    assert_left_nothing(sql, gone)
    kept = [each for each in api.messages({"id": gone["talk"]}) if each["user_id"] == gone["id"]]
    assert [each["users"]["username"] for each in kept] == ["Deleted user"] * 5
    assert all(NAME in each["message"] for each in kept)


def test_stale_state_and_a_sync_is_fresh_state(app: Flask, api: Api, bob: Json, gone: Json) -> None:
    stale = api.sync(bob)
    erase(api, gone)
    run_jobs(app, gone)
    (changed,) = api.sync(bob, {gone["talk"]: stale["conversations"][0]["version"]})["conversations"]
    (fresh,) = api.sync(bob)["conversations"]
    known = {each["seq"]: each for each in stale["conversations"][0]["messages"]}
    known |= {each["seq"]: each for each in changed["messages"]}
    names = [each | {"users": None} for each in known.values()]  # a name has no version
    assert names == [each | {"users": None} for each in fresh["messages"]]
    assert changed["version"] == fresh["version"]


def test_another_person_is_not_erased(api: Api, ann: Json, bob: Json) -> None:
    path = f"/users/{ann['id']}?user_id={bob['id']}"
    assert api.request("DELETE", path, status=403)["code"] == "not_allowed"
    assert erase(api, ann, 422, "messages=some")["errors"]


def test_it_goes_on_after_a_crash_and_twice_is_harmless(
    app: Flask, api: Api, sql: Sql, gone: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "BATCH", 1)
    erase(api, gone)
    storage, calls = app.extensions["storage"], 0
    real = storage.erase_traces

    def breaks(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise StorageUnavailable()
        return real(*args)

    monkeypatch.setattr(storage, "erase_traces", breaks)
    with pytest.raises(StorageUnavailable):
        run_jobs(app, gone)
    assert NAME in everything(sql)
    run_jobs(app, gone)
    assert NAME not in everything(sql)
    after = sql("select id, version from conversations")
    run_jobs(app, gone)
    assert sql("select id, version from conversations") == after


def test_a_person_who_was_not_erased_loses_nothing(storage: Storage, sql: Sql) -> None:
    ann = Caller(storage.create_user("ann")["id"])
    id = storage.create_conversation(ann, {"name": "g", "participant_ids": []}).result["id"]
    storage.send_message(ann, id, {"message": "hi", "client_id": None})
    change = storage.erase_traces(ann.user_id, id, False, 0, 10)
    assert (change.announce, change.result) == (False, {"next": None})
    storage.erase_rest(ann.user_id, 10)
    assert sql("select count(*) from messages where deleted_at is null") == [(1,)]
    assert sql("select count(*) from user_conversation") == [(1,)]


def test_of_two_at_once_one_finds_nobody(storage: Storage, sql: Sql) -> None:
    for _ in range(5):
        ann = Caller(storage.create_user("ann")["id"])
        codes: list[str] = []

        def run(ann: Caller = ann, codes: list[str] = codes) -> None:
            try:
                storage.erase_user(ann, ann.user_id, False)
                codes.append("erased")
            except ChatError as error:
                codes.append(error.code)

        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(codes) == ["erased", "user_not_found", "user_not_found"]
    assert sql("select count(*) from chat_jobs") == [(5,)]


def test_no_message_that_was_under_way_outlives_it(storage: Storage, sql: Sql) -> None:
    for _ in range(5):
        ann, bob = (Caller(storage.create_user(name)["id"]) for name in ("ann", "bob"))
        id = storage.create_conversation(ann, {"name": "g", "participant_ids": [bob.user_id]}).result["id"]
        refused: list[str] = []

        def send(ann: Caller = ann, id: str = id, refused: list[str] = refused) -> None:
            while not refused:
                try:
                    storage.send_message(ann, id, {"message": "hi", "client_id": None})
                except ChatError as error:
                    refused.append(error.code)

        threads = [threading.Thread(target=send) for _ in range(3)]
        for thread in threads:
            thread.start()
        storage.erase_user(ann, ann.user_id, False)
        after: int | None = 0
        while after is not None:
            after = storage.erase_traces(ann.user_id, id, False, after, 100).result["next"]
        for thread in threads:
            thread.join()
        assert storage.list_traces(ann.user_id, False) == []
        assert set(refused) <= {"user_not_found", "conversation_not_found"}


def test_tokens_and_sessions_end_and_the_others_hear_of_it(make_server: Callable[..., Server]) -> None:
    server = make_server(AUTH_MODE="token", JWT_SECRET="s" * 32)
    api = Api(server)
    ann, bob = api.user("ann"), api.user("bob")
    token = {"Authorization": f"Bearer {ann['access_token']}"}
    talk = api.conversation(ann, bob, **token)
    api.send(talk, ann, **token)
    with Device(server, auth={"token": ann["access_token"]}) as own:
        with Device(server, auth={"token": bob["access_token"]}) as other:
            api.request("DELETE", f"/users/{ann['id']}", **token)
            assert own.hear("unauthorized")["code"] == "token_invalid"
            assert other.hear("userUpdated")["username"] == "Deleted user"
            assert [each["id"] for each in other.hear("conversationUpdated")["participants"]] == [bob["id"]]
            deleted = other.hear("messageDeleted")
            assert (deleted["conversation_id"], deleted["seq"], deleted["version"]) == (talk["id"], 1, 4)
    assert api.request("GET", "/unread", status=404, **token)["code"] == "user_not_found"
    assert api.request("POST", "/users/create", {"username": "x"}, 404, **token)["code"] == "user_not_found"


def test_a_process_that_is_killed_meanwhile_leaves_the_rest_to_the_next(
    make_server: Callable[..., Server], make_database: Callable[..., str]
) -> None:
    url = make_database()
    server = make_server(DATABASE_URL=url)
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    talk = api.conversation(ann, bob)
    with psycopg.connect(url, autocommit=True) as connection:

        def sql(query: str, *params: Any) -> list[Any]:
            cursor = connection.execute(query, params)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

        sql(
            "insert into messages (conversation_id, user_id, message, seq, version) "
            "select %s, %s, 'I am ann', n, n + 1 from generate_series(1, 3000) as n", talk["id"], ann["id"],
        )  # fmt: skip
        sql("update conversations set last_seq = 3000, version = 3001")
        erase(api, ann)
        wait_until(lambda: sql("select count(*) from messages where deleted_at is not null")[0][0] > 0)
        server.kill()
        assert sql("select count(*) from messages where deleted_at is null")[0][0] > 0
        sql("update chat_jobs set claimed_until = now() - interval '1 s'")
        server.start()
        wait_until(lambda: sql("select count(*) from chat_jobs where kind = 'erase_user'") == [(0,)])
        assert sql("select count(*) from messages where deleted_at is null") == [(0,)]
        assert sql("select version from conversations") == [(3001 + 1 + 3000,)]
