"""Typing: told to the other members, never stored, over by itself, and no call of the database for a keystroke."""

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import eventlet
import pytest
from flask import Flask

from chat.auth import Caller
from chat.realtime import typing as module
from chat.realtime.typing import Typing
from tests.support.client import Api
from tests.support.server import Device, Server

Connect = Callable[..., Device]
Json = dict[str, Any]


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Server:
    return shared_server


@pytest.fixture
def api(server: Server) -> Api:
    return Api(server)


def says(talk: Json, is_typing: bool = True) -> Json:
    return {"conversation_id": talk["id"], "is_typing": is_typing}


def told(talk: Json, user: Json, is_typing: bool = True) -> tuple[str, Json]:
    return "typing", {**says(talk, is_typing), "user_id": user["id"], "expires_in": 7 if is_typing else 0}


def test_the_other_members_hear_it(server: Server, api: Api, connect: Connect) -> None:
    ann, bob, eve = api.users("ann", "bob", "eve")
    talk = api.conversation(ann, bob)
    typist, own, other, stranger = (connect(server, user) for user in (ann, ann, bob, eve))
    for is_typing in (True, False):
        assert ("typing", typist.call("typing", says(talk, is_typing))) == told(talk, ann, is_typing)
        assert other.heard_so_far() == [told(talk, ann, is_typing)]
    typist.call("typing", says(talk, False))  # which is known
    assert other.heard_so_far() == own.heard_so_far() == typist.heard_so_far() == stranger.heard_so_far() == []


def test_a_repetition_is_dropped_and_a_flood(server: Server, api: Api, connect: Connect) -> None:
    ann, bob = api.users("ann", "bob")
    talk = api.conversation(ann, bob)
    typist, other = connect(server, ann), connect(server, bob)
    for _ in range(5):
        typist.call("typing", says(talk))
    assert other.heard_so_far() == [told(talk, ann)]
    for _ in range(50):
        typist.socket.emit("typing", says(talk, False))
        typist.socket.emit("typing", says(talk, True))
    typist.heard_so_far()
    assert len(other.heard_so_far()) < 40


def test_a_send_ends_it(server: Server, api: Api, connect: Connect) -> None:
    ann, bob = api.users("ann", "bob")
    talk = api.conversation(ann, bob)
    typist, other = connect(server, ann), connect(server, bob)
    typist.call("typing", says(talk))
    api.send(talk, ann)
    assert [name for name, _ in other.heard_so_far()] == ["typing", "message", "typing"]
    api.send(talk, ann)
    assert [name for name, _ in other.heard_so_far()] == ["message"]


def test_a_disconnect_ends_it(server: Server, api: Api, connect: Connect) -> None:
    ann, bob = api.users("ann", "bob")
    talk = api.conversation(ann, bob)
    typist, other = connect(server, ann), connect(server, bob)
    typist.call("typing", says(talk))
    typist.close()
    assert other.hear("typing")["is_typing"] is True
    assert other.hear("typing") == told(talk, ann, False)[1]


def test_nobody_hears_it_over_a_block(server: Server, api: Api, connect: Connect) -> None:
    ann, bob, cid = api.users("ann", "bob", "cid")
    talk = api.conversation(ann, bob, cid)
    typists = {user["id"]: connect(server, user) for user in (ann, bob)}
    third = connect(server, cid)
    for user in (ann, bob):  # the blocks are cached by now
        typists[user["id"]].call("typing", says(talk))
        typists[user["id"]].call("typing", says(talk, False))
    api.request("PUT", f"/users/{bob['id']}/block", {"user_id": ann["id"]})
    for device in (*typists.values(), third):
        device.heard_so_far()
    for user in (ann, bob):
        typists[user["id"]].call("typing", says(talk))
        assert third.heard_so_far() == [told(talk, user)]
        typists[user["id"]].call("typing", says(talk, False))
        assert third.heard_so_far() == [told(talk, user, False)]
    assert [device.heard_so_far() for device in typists.values()] == [[], []]


def test_who_is_no_member_types_nowhere(server: Server, api: Api, connect: Connect) -> None:
    ann, bob, eve = api.users("ann", "bob", "eve")
    talk = api.conversation(ann, bob)
    stranger, other = connect(server, eve), connect(server, bob)
    for place in (talk, {"id": str(uuid4())}):
        for is_typing in (True, False):
            assert stranger.call("typing", says(place, is_typing))["error"]["code"] == "conversation_not_found"
    assert other.heard_so_far() == []
    for bad in (
        {},
        {"conversation_id": talk["id"]},
        {"conversation_id": "x", "is_typing": True},
        says(talk) | {"is_typing": 1},
    ):
        assert stranger.call("typing", bad)["error"]["code"] == "validation_failed"
    assert connect(server).call("typing", says(talk))["error"]["code"] == "authentication_required"


@pytest.fixture
def typing_app(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    heard: list[Any] = []
    monkeypatch.setattr(module, "announce_to", lambda event, payload, rooms: heard.append((payload, rooms)))
    return heard


def test_it_ends_after_a_while_and_costs_no_call_of_the_database(
    app: Flask, monkeypatch: pytest.MonkeyPatch, typing_app: list[Any]
) -> None:
    monkeypatch.setattr(module, "LIFE", 0.2)
    api = Api(app.test_client())
    ann, bob = api.users("ann", "bob")
    talk = api.conversation(ann, bob)
    typing = Typing()
    calls: list[str] = []
    with app.app_context():
        real = app.extensions["storage"].call_text
        monkeypatch.setattr(
            app.extensions["storage"], "call_text", lambda name, **args: calls.append(name) or real(name, **args)
        )
        for number in range(5):
            typing.say(Caller(ann["id"], None, f"sid {number}"), talk["id"], True)
            typing.say(Caller(ann["id"], None, f"sid {number}"), talk["id"], False)
        assert sorted(calls) == ["chat_get_audience", "chat_list_privacy"]
        typing.say(Caller(ann["id"], None, "sid"), talk["id"], True)
    deadline = time.monotonic() + 5
    while typing_app[-1][0]["is_typing"] and time.monotonic() < deadline:
        eventlet.sleep(0.02)
    assert typing_app[-1][0] == {
        "conversation_id": talk["id"], "user_id": ann["id"], "is_typing": False, "expires_in": 0,
    }  # fmt: skip
    assert not typing._started
