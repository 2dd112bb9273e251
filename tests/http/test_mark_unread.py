"""Marking unread: the one way in which a read pointer moves back. And receipts that are not shared."""

import threading
from collections.abc import Callable
from typing import Any

import eventlet
import pytest

from chat.auth import Caller
from chat.realtime.coalesce import Coalescer
from chat.storage import Storage
from tests.support.client import Api
from tests.support.server import Device, Server

Json = dict[str, Any]


def move(api: Api, talk: Json, user: Json, status: int = 200, **pointers: Any) -> Json:
    path = f"/conversations/{talk['id']}/receipts"
    return api.request("PUT", path, {"user_id": user["id"], **pointers}, status)


def share(api: Api, user: Json, **settings: bool) -> None:
    api.request("PATCH", f"/users/{user['id']}", {"user_id": user["id"], **settings})


def listed(api: Api, talk: Json, user: Json) -> dict[str, int]:
    receipts = api.request("GET", f"/conversations/{talk['id']}/receipts?user_id={user['id']}")
    return {each["user_id"]: each["read_seq"] for each in receipts}


def unread(api: Api, user: Json) -> int:
    total: int = api.request("GET", f"/unread?user_id={user['id']}")["total"]
    return total


def test_what_was_read_is_unread_from_a_message_on(api: Api, bob: Json, talk: Json) -> None:
    move(api, talk, bob, read_seq=3)
    for unread_from, read, count in ((2, 1, 2), (3, 1, 2), (1, 0, 3), (0, 0, 3), (9, 0, 3)):
        moved = move(api, talk, bob, unread_from=unread_from)
        assert (moved["read_seq"], moved["delivered_seq"]) == (read, 3)
        assert unread(api, bob) == count
        assert api.conversations(bob)[0]["unread_count"] == count
    assert move(api, talk, bob, read_seq=3)["read_seq"] == 3


def test_it_stands_alone(api: Api, bob: Json, talk: Json) -> None:
    assert list(move(api, talk, bob, 422, unread_from=1, read_seq=1)["errors"]) == ["unread_from"]
    assert list(move(api, talk, bob, 422, unread_from=None)["errors"]) == ["read_seq"]
    assert list(move(api, talk, bob, 422, unread_from=-1)["errors"]) == ["unread_from"]


def test_system_messages_are_counted_by_nobody(api: Api, sql: Callable[..., Any], bob: Json, talk: Json) -> None:
    sql("update messages set type = 'system' where seq = 2")
    sql("update messages set system_count = 1 where seq >= 2")
    sql("update conversations set system_count = 1")
    for read in (1, 2, 3):
        move(api, talk, bob, read_seq=read)
    assert unread(api, bob) == 0
    for unread_from, count in ((3, 1), (2, 1), (1, 2)):
        move(api, talk, bob, unread_from=unread_from)
        assert unread(api, bob) == count
    move(api, talk, bob, read_seq=3)
    sql("delete from messages where seq < 3")
    sql("update conversations set oldest_seq = 3")
    assert move(api, talk, bob, unread_from=1)["read_seq"] == 2
    assert unread(api, bob) == 1


def test_muted_conversations_are_counted_apart(api: Api, sql: Callable[..., Any], bob: Json, talk: Json) -> None:
    for muted_until, unmuted in (("now() + interval '1 h'", 0), ("now() - interval '1 h'", 3), ("'infinity'", 0)):
        sql(f"update user_conversation set muted_until = {muted_until}")
        counted = api.request("GET", f"/unread?user_id={bob['id']}")
        assert (counted["total"], counted["total_unmuted"]) == (3, unmuted)


def test_reading_and_marking_unread_at_once_leave_one_of_the_two(storage: Storage) -> None:
    ann, bob = (Caller(storage.create_user(name)["id"]) for name in ("ann", "bob"))
    id = storage.create_conversation(ann, {"name": "g", "participant_ids": [bob.user_id]}).result["id"]
    for _ in range(4):
        storage.send_message(ann, id, {"message": "hi", "client_id": None})
    for _ in range(20):
        works = [{"read_seq": 4}, {"unread_from": 2}]
        threads = [threading.Thread(target=storage.update_receipt, args=(bob, id, work)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        left = storage.update_receipt(bob, id, {"delivered_seq": 0}).result
        assert (left["read_seq"], left["delivered_seq"]) in ((4, 4), (1, 4), (0, 4))
        storage.update_receipt(bob, id, {"unread_from": 1})


def test_only_own_devices_hear_of_it_and_last_of_the_later_state(server: Server) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    talk = api.conversation(ann, bob)
    for _ in range(5):
        api.send(talk, ann)
    with Device(server) as other, Device(server) as own:
        other.join(ann)
        own.join(bob)
        for pointer in ({"read_seq": 2}, {"read_seq": 5}, {"unread_from": 2}):
            move(api, talk, bob, **pointer)
        assert other.hear("receipt")["read_seq"] == own.hear("receipt")["read_seq"] == 2
        assert other.hear("receipt")["read_seq"] == own.hear("receipt")["read_seq"] == 5
        assert own.hear("receipt")["read_seq"] == 1
        assert other.hears_nothing(1.2)


def test_what_is_for_some_alone_does_not_replace_what_others_wait_for(api: Api) -> None:
    coalescer, sent = Coalescer(0.05), []
    for age, replaces in (([0, 1], True), ([0, 2], True), ([1, 0], False), ([0, 9], True)):
        coalescer.offer("key", age, lambda age=age: sent.append(age), replaces)
    eventlet.sleep(0.3)
    assert sent == [[0, 1], [0, 2], [1, 0]]


# sharing


def test_who_shares_no_receipts_is_not_seen_and_sees_none(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    move(api, talk, bob, read_seq=2)
    share(api, bob, share_receipts=False)
    assert listed(api, talk, ann) == {ann["id"]: 3}
    assert listed(api, talk, bob) == {bob["id"]: 2}
    share(api, bob, share_receipts=True)
    assert listed(api, talk, ann) == listed(api, talk, bob) == {ann["id"]: 3, bob["id"]: 2}


@pytest.mark.parametrize("who", ["reader", "listener"])
def test_events_respect_it(server: Server, who: str) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    talk = api.conversation(ann, bob)
    api.send(talk, ann)
    share(api, bob if who == "reader" else ann, share_receipts=False)
    with Device(server) as listener, Device(server) as own:
        listener.join(ann)
        own.join(bob)
        moved = move(api, talk, bob, delivered_seq=1)
        assert own.hear("receipt") == moved
        assert listener.hears_nothing()
        share(api, bob if who == "reader" else ann, share_receipts=True)
        move(api, talk, bob, read_seq=1)
        assert listener.hear("receipt")["read_seq"] == 1
