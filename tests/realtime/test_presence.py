"""Presence: who watches sees who comes and goes, on any process; one that is killed takes its people along."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from chat.auth import Caller
from chat.realtime import presence as module
from chat.realtime.presence import Presence
from chat.storage import Storage
from tests.support.client import Api
from tests.support.server import Device, Server

Connect = Callable[..., Device]
Json = dict[str, Any]
Sql = Callable[..., list[Any]]


def watch(device: Device, *users: Json) -> dict[str, tuple[bool, bool]]:
    """Watch, and return of each whether it is online and was seen."""
    answer = device.call("watchPresence", {"user_ids": [user["id"] for user in users]})
    return {each["user_id"]: (each["online"], each["last_seen_at"] is not None) for each in answer["presence"]}


def test_a_watcher_sees_who_comes_and_goes(server: Server, connect: Connect) -> None:
    api = Api(server)
    ann, bob, eve = api.users("ann", "bob", "eve")
    api.conversation(ann, bob)
    watcher = connect(server, ann)
    assert watch(watcher, bob, eve, ann) == {bob["id"]: (False, False)}
    other = connect(server, bob)
    assert watcher.hear("presence") == {"user_id": bob["id"], "online": True, "last_seen_at": None}
    second = connect(server, bob)
    other.close()
    second.close()
    went = time.monotonic()
    gone = watcher.hear("presence", 20)
    assert time.monotonic() - went > module.GRACE - 1
    assert (gone["user_id"], gone["online"]) == (bob["id"], False)
    assert gone["last_seen_at"] is not None
    assert watch(watcher, bob) == {bob["id"]: (False, True)}
    assert watch(watcher) == {}
    connect(server, bob)
    assert watcher.hears_nothing(2.5)


def test_two_processes_see_each_other_and_a_killed_one_loses_its_people(
    make_server: Callable[..., Server], make_database: Callable[..., str], connect: Connect, sql: Sql
) -> None:
    url = make_database()
    here, there = make_server(DATABASE_URL=url), make_server(DATABASE_URL=url)
    api = Api(here)
    ann, bob = api.users("ann", "bob")
    api.conversation(ann, bob)
    watcher = connect(here, ann)
    assert watch(watcher, bob) == {bob["id"]: (False, False)}
    connect(there, bob)
    assert watcher.hear("presence")["online"] is True
    there.kill()
    gone = watcher.hear("presence", module.LEASE + 15)
    assert (gone["user_id"], gone["online"]) == (bob["id"], False)


@pytest.mark.parametrize("hidden_by", ["bob", "ann", "block"])
def test_who_hides_looks_as_if_never_here(server: Server, connect: Connect, hidden_by: str) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    api.conversation(ann, bob)
    users = {"ann": ann, "bob": bob}
    watcher, _ = connect(server, ann), connect(server, bob)
    watch(watcher, bob)
    if watcher.hear("presence")["online"]:  # that bob came
        if hidden_by == "block":
            api.request("PUT", f"/users/{ann['id']}/block", {"user_id": bob["id"]})
        else:
            body = {"user_id": users[hidden_by]["id"], "share_presence": False}
            api.request("PATCH", f"/users/{body['user_id']}", body)
    assert watcher.hear("presence") == {"user_id": bob["id"], "online": False, "last_seen_at": None}
    assert watch(watcher, bob) == {bob["id"]: (False, False)}
    connect(server, bob)
    assert watcher.hears_nothing(2.5)


def test_bad_watches_are_refused(server: Server, connect: Connect) -> None:
    ann = Api(server).user("ann")
    device = connect(server, ann)
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(201)]
    for bad in ({}, {"user_ids": "x"}, {"user_ids": ["x"]}, {"user_ids": ids}):
        assert device.call("watchPresence", bad)["error"]["code"] == "validation_failed"
    assert device.call("watchPresence", {"user_ids": ids[:200]}) == {"presence": []}
    assert connect(server).call("watchPresence", {"user_ids": []})["error"]["code"] == "authentication_required"


# the storage


def report(process: str, online: list[str] = [], offline: list[str] = [], **more: Any) -> Json:  # noqa: B006
    common = {"process": process, "lease": 30, "is_whole": False, "seconds": 60, "watched": None}
    return common | {"online": online, "offline": offline} | more


def states(reported: Any) -> dict[str, bool]:
    return {each["user_id"]: each["online"] for each in reported["changes"]}


def test_a_user_is_online_while_any_process_has_a_session(storage: Storage, sql: Sql) -> None:
    ann = storage.create_user("ann")["id"]
    assert storage.update_presence(report("one", [ann])) == {"is_known": False, "changes": []}
    for process in ("one", "two"):
        assert states(storage.update_presence(report(process, [ann], is_whole=True))) == {ann: True}
    assert states(storage.update_presence(report("one", offline=[ann]))) == {ann: True}
    assert sql("select last_seen_at from users") == [(None,)]
    assert states(storage.update_presence(report("two", offline=[ann], watched=[ann]))) == {ann: False}
    assert sql("select last_seen_at is not null from users") == [(True,)]
    assert storage.update_presence(report("two", seconds=None))["changes"] == []
    assert storage.update_presence(report("two", watched=[]))["changes"] == []


def test_a_process_that_is_not_heard_of_has_gone_and_comes_back_whole(storage: Storage, sql: Sql) -> None:
    ann, bob = (storage.create_user(name)["id"] for name in ("ann", "bob"))
    storage.update_presence(report("one", [ann, bob], is_whole=True))
    sql("update chat_processes set alive_until = now() - interval '1 s'")
    assert states(storage.update_presence(report("two", is_whole=True))) == {ann: False, bob: False}
    assert storage.update_presence(report("one"))["is_known"] is False
    assert states(storage.update_presence(report("one", [ann], is_whole=True))) == {ann: True, bob: False}


def test_what_is_whole_says_who_is_not_there(storage: Storage) -> None:
    ann, bob = (storage.create_user(name)["id"] for name in ("ann", "bob"))
    storage.update_presence(report("one", [ann, bob], is_whole=True))
    assert states(storage.update_presence(report("one", [bob], is_whole=True))) == {ann: False, bob: True}


def test_a_watch_is_answered_for_those_who_may_be_seen(storage: Storage) -> None:
    ann, bob, eve = (storage.create_user(name)["id"] for name in ("ann", "bob", "eve"))
    storage.create_conversation(Caller(ann), {"name": "g", "participant_ids": [bob]})
    storage.update_presence(report("one", [bob, eve], is_whole=True))
    seen = storage.watch_presence(Caller(ann), {"user_ids": [ann, bob, eve]})
    assert seen == [{"user_id": bob, "online": True, "last_seen_at": None, "visible": True}]
    assert storage.check_watches({ann: [bob, eve], eve: [bob]}) == {ann: seen, eve: []}
    hidden = [{"user_id": bob, "online": False, "last_seen_at": None, "visible": False}]
    storage.block_user(Caller(bob), ann)
    assert storage.check_watches({ann: [bob]}) == {ann: hidden}
    storage.unblock_user(Caller(bob), ann)
    storage.update_user(Caller(ann), ann, {"share_presence": False})
    assert storage.watch_presence(Caller(ann), {"user_ids": [bob]}) == hidden


# the process


class Users:
    """The sessions of a process, as far as presence asks for them."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def user_ids(self) -> set[str]:
        return set(self.ids)


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> Users:
    users = Users()
    monkeypatch.setattr(module, "sessions", users)
    return users


def test_ten_thousand_who_reconnect_are_one_call(
    app: Flask, users: Users, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql("insert into users (username) select 'user ' || n from generate_series(1, 10000) as n")
    users.ids = {id for (id,) in sql("select id::text from users")}
    monkeypatch.setattr(module, "GRACE", 0.0)
    presence, calls = Presence(), []
    with app.app_context():
        real = app.extensions["storage"].call_text
        monkeypatch.setattr(app.extensions["storage"], "call_text", lambda *a, **k: calls.append(a) or real(*a, **k))
        presence.update()
        assert sql("select count(*) from chat_presence where online") == [(10000,)]
        presence.update()
        assert len(calls) == 1
        users.ids = set()
        presence.update()
        assert len(calls) == 2
        assert sql("select count(*) from chat_presence where online") == [(0,)]
        assert sql("select count(*) from users where last_seen_at is null") == [(0,)]


def test_who_is_back_in_time_was_never_gone(app: Flask, users: Users, sql: Sql, api: Api, ann: Json) -> None:
    users.ids = {ann["id"]}
    presence = Presence()
    with app.app_context():
        presence.update()
        users.ids = set()
        presence.update()
        users.ids = {ann["id"]}
        presence.update()
        assert presence._left == {}
    assert sql("select online from chat_presence") == [(True,)]


def test_a_process_that_was_taken_for_gone_says_everything_anew(
    app: Flask, users: Users, sql: Sql, api: Api, ann: Json, bob: Json
) -> None:
    users.ids = {ann["id"]}
    presence = Presence()
    with app.app_context():
        presence.update()
        sql("delete from chat_processes")
        sql("update chat_presence set online = false")
        users.ids = {ann["id"], bob["id"]}
        presence.update()
    assert sql("select count(*) from chat_presence where online") == [(2,)]
