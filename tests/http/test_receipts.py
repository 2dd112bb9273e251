"""Receipts: pointers that only move forward, unread counts that are a subtraction, events that are held together."""

import time
from typing import Any
from uuid import uuid4

import eventlet
import pytest
from flask import Flask

from chat.auth import Caller
from chat.realtime.coalesce import Coalescer
from chat.storage import Storage
from tests.support.client import Api
from tests.support.server import Device, Server

Json = dict[str, Any]


@pytest.fixture
def talk(api: Api, ann: Json, bob: Json) -> Json:
    """A conversation of Ann and Bob with five messages of Ann's."""
    conversation = api.conversation(ann, bob)
    for number in range(5):
        api.send(conversation, ann, f"message {number}")
    return conversation


def move(api: Api, talk: Json, user: Json, status: int = 200, **pointers: Any) -> Json:
    path = f"/conversations/{talk['id']}/receipts"
    moved: Json = api.request("PUT", path, {"user_id": user["id"], **pointers}, status)
    return moved


def pointers(receipt: Json) -> tuple[int, int]:
    return receipt["read_seq"], receipt["delivered_seq"]


def test_answer_names_whose_pointers_stand_where(api: Api, bob: Json, talk: Json) -> None:
    assert move(api, talk, bob, read_seq=2, delivered_seq=3) == {
        "conversation_id": talk["id"],
        "user_id": bob["id"],
        "read_seq": 2,
        "delivered_seq": 3,
    }


def test_pointers_only_move_forward(api: Api, bob: Json, talk: Json) -> None:
    assert pointers(move(api, talk, bob, delivered_seq=3)) == (0, 3)
    assert pointers(move(api, talk, bob, read_seq=2)) == (2, 3)
    assert pointers(move(api, talk, bob, read_seq=1, delivered_seq=1)) == (2, 3)
    assert pointers(move(api, talk, bob, read_seq=0)) == (2, 3)
    assert pointers(move(api, talk, bob, read_seq=1, delivered_seq=4)) == (2, 4)


def test_what_is_read_has_been_delivered(api: Api, bob: Json, talk: Json) -> None:
    assert pointers(move(api, talk, bob, read_seq=4)) == (4, 4)
    assert pointers(move(api, talk, bob, read_seq=5, delivered_seq=2)) == (5, 5)


@pytest.mark.parametrize("beyond", [6, 2**53 - 1])
def test_nothing_is_read_beyond_the_last_message(api: Api, ann: Json, bob: Json, talk: Json, beyond: int) -> None:
    assert pointers(move(api, talk, bob, delivered_seq=beyond)) == (0, 5)
    assert pointers(move(api, talk, bob, read_seq=beyond)) == (5, 5)
    api.send(talk, ann)
    assert api.conversations(bob)[0]["unread_count"] == 1


def test_empty_conversation_has_nothing_to_read(api: Api, ann: Json, bob: Json) -> None:
    conversation = api.conversation(ann, bob)
    assert pointers(move(api, conversation, bob, read_seq=7, delivered_seq=7)) == (0, 0)


def test_sending_reads(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    api.send(talk, bob)
    conversation = api.conversations(bob)[0]
    assert (conversation["unread_count"], conversation["last_read_seq"], conversation["last_delivered_seq"]) == (
        0,
        6,
        6,
    )
    assert api.conversations(ann)[0]["unread_count"] == 1


def test_repeated_send_reads_nothing_more(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    api.send(talk, bob, client_id="once")
    api.send(talk, ann)
    api.send(talk, bob, client_id="once")
    assert api.conversations(bob)[0]["unread_count"] == 1


def test_moving_is_no_change_of_the_conversation(api: Api, bob: Json, talk: Json) -> None:
    before = api.conversations(bob)[0]["version"]
    move(api, talk, bob, read_seq=5)
    assert api.conversations(bob)[0]["version"] == before


def test_list_shows_every_member(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    move(api, talk, bob, read_seq=2, delivered_seq=4)
    receipts = api.request("GET", f"/conversations/{talk['id']}/receipts?user_id={ann['id']}")
    assert {each["user_id"]: pointers(each) for each in receipts} == {ann["id"]: (5, 5), bob["id"]: (2, 4)}
    assert all(each["conversation_id"] == talk["id"] for each in receipts)


def test_unread_counts_agree_everywhere(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    other, read = api.conversation(ann, bob), api.conversation(ann, bob)
    for conversation in (other, read):
        api.send(conversation, ann)
    move(api, talk, bob, read_seq=2)
    move(api, read, bob, read_seq=1)
    unread = api.request("GET", f"/unread?user_id={bob['id']}")
    assert unread == {"total": 4, "total_unmuted": 4, "conversations": {talk["id"]: 3, other["id"]: 1}}
    expected = {talk["id"]: 3, other["id"]: 1, read["id"]: 0}
    assert {each["id"]: each["unread_count"] for each in api.conversations(bob)} == expected
    assert {each["id"]: each["unread_count"] for each in api.sync(bob)["conversations"]} == expected
    assert api.request("GET", f"/unread?user_id={ann['id']}") == {"total": 0, "total_unmuted": 0, "conversations": {}}


def test_only_members_have_and_see_receipts(api: Api, bob: Json, talk: Json) -> None:
    stranger = api.user("stranger")
    assert move(api, talk, stranger, 404, read_seq=1)["code"] == "conversation_not_found"
    path = f"/conversations/{talk['id']}/receipts?user_id={stranger['id']}"
    assert api.request("GET", path, status=404)["code"] == "conversation_not_found"
    assert move(api, {"id": str(uuid4())}, bob, 404, read_seq=1)["code"] == "conversation_not_found"
    assert move(api, talk, {"id": str(uuid4())}, 404, read_seq=1)["code"] == "user_not_found"


@pytest.mark.parametrize(
    "bad",
    [{}, {"read_seq": None}, {"read_seq": -1}, {"read_seq": "x"}, {"delivered_seq": 1.5}, {"delivered_seq": 2**53}],
)
def test_pointers_that_are_none_are_refused(api: Api, bob: Json, talk: Json, bad: Json) -> None:
    assert move(api, talk, bob, 422, **bad)["errors"]


def test_both_drivers_tell_members_only_when_something_moved(storage: Storage) -> None:
    ann, bob = (Caller(storage.create_user(name)["id"]) for name in ("ann", "bob"))
    conversation = storage.create_conversation(ann, {"name": "a group", "participant_ids": [bob.user_id]}).result["id"]
    storage.send_message(ann, conversation, {"message": "hello"})
    moved = storage.update_receipt(bob, conversation, {"read_seq": 1})
    assert pointers(moved.result) == (1, 1)
    assert moved.announce is True
    again = storage.update_receipt(bob, conversation, {"read_seq": 1, "delivered_seq": 1})
    assert again == moved._replace(announce=False, events=None)


# the event


Talk = tuple[Api, Json, Json, Json]


@pytest.fixture
def real_talk(server: Server) -> Talk:
    """The API of the real server, Ann, Bob, and their conversation with nine messages of Ann's."""
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    for _ in range(9):
        api.send(conversation, ann)
    return api, ann, bob, conversation


def test_others_and_own_devices_hear_it_but_the_socket_that_sent_it(server: Server, real_talk: Talk) -> None:
    api, ann, bob, talk = real_talk
    with Device(server) as others, Device(server) as own, Device(server) as sender, Device(server) as stranger:
        others.join(ann)
        own.join(bob)
        sender.join(bob)
        stranger.join(api.user("stranger"))
        moved = sender.call("receipt", {"conversation_id": talk["id"], "read_seq": 3})
        assert pointers(moved) == (3, 3)
        assert others.hear("receipt") == own.hear("receipt") == moved
        assert sender.hears_nothing(1.5)
        assert stranger.hears_nothing(0)

        path = f"/conversations/{talk['id']}/receipts"
        moved = api.request("PUT", path, {"user_id": bob["id"], "read_seq": 4}, X_Socket_ID=sender.sid)
        assert others.hear("receipt") == own.hear("receipt") == moved
        time.sleep(1.2)
        moved = api.request("PUT", path, {"user_id": bob["id"], "read_seq": 5})  # from a device without a socket
        assert others.hear("receipt") == own.hear("receipt") == sender.hear("receipt") == moved


def test_nothing_is_told_when_nothing_moved(server: Server, real_talk: Talk) -> None:
    api, ann, bob, talk = real_talk
    move(api, talk, bob, read_seq=3)
    time.sleep(1.2)
    with Device(server) as others:
        others.join(ann)
        move(api, talk, bob, read_seq=3)
        move(api, talk, bob, read_seq=1)
        assert others.hears_nothing(1.5)


def test_burst_is_told_at_most_once_a_second_and_ends_with_the_newest(server: Server, real_talk: Talk) -> None:
    _, ann, bob, talk = real_talk
    with Device(server) as others, Device(server) as sender:
        others.join(ann)
        sender.join(bob)
        started = time.monotonic()
        for seq in range(1, 10):
            sender.call("receipt", {"conversation_id": talk["id"], "read_seq": seq})
        heard = []
        while not heard or heard[-1] != (9, 9):
            heard.append(pointers(others.hear("receipt")))
        assert heard == sorted(heard)
        assert len(heard) <= 2 + (time.monotonic() - started)


def test_older_state_that_comes_late_does_not_replace_a_newer_one(app: Flask) -> None:
    coalescer = Coalescer(0.05)
    sent: list[int] = []
    for age in (1, 5, 3):
        coalescer.offer("key", age, lambda age=age: sent.append(age))
    eventlet.sleep(0.3)
    assert sent == [1, 5]
