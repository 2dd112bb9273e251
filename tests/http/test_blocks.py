"""Blocks: no message between two people, neither finds the other, and no event tells of it."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Storage
from tests.support.client import Api
from tests.support.server import Device, Server

Json = dict[str, Any]
Sql = Callable[..., list[Any]]


def block(api: Api, user: Json, other: Json, status: int = 200) -> Json:
    return api.request("PUT", f"/users/{other['id']}/block", {"user_id": user["id"]}, status)


def unblock(api: Api, user: Json, other: Json) -> Json:
    return api.request("DELETE", f"/users/{other['id']}/block?user_id={user['id']}")


def make_direct(sql: Sql, conversation_id: str, first: str, second: str) -> None:
    sql("update conversations set type = 'direct' where id = %s", conversation_id)
    sql("insert into chat_direct_conversations values (%s, %s, %s)", *sorted((first, second)), conversation_id)


@pytest.fixture
def direct(api: Api, sql: Sql, ann: Json, bob: Json) -> Json:
    conversation = api.conversation(ann, bob)
    make_direct(sql, conversation["id"], ann["id"], bob["id"])
    return conversation


def test_a_block_is_made_once_and_taken_back(api: Api, ann: Json, bob: Json) -> None:
    made = block(api, ann, bob)
    assert made["user"] == bob
    assert block(api, ann, bob) == made
    listed = api.request("GET", f"/blocks?user_id={ann['id']}")
    assert listed == [made]
    assert api.request("GET", f"/blocks?user_id={bob['id']}") == []
    assert unblock(api, ann, bob) == unblock(api, ann, bob) == {"user": bob, "created_at": None}
    assert api.request("GET", f"/blocks?user_id={ann['id']}") == []


def test_nobody_blocks_themselves_or_nobody(api: Api, ann: Json) -> None:
    assert block(api, ann, ann, 403)["code"] == "not_allowed"
    assert block(api, ann, {"id": str(uuid4())}, 404)["code"] == "user_not_found"


def test_the_list_is_paged_without_gap_or_repeat(api: Api, ann: Json) -> None:
    others = api.users(*(f"user {number}" for number in range(7)))
    for other in others:
        block(api, ann, other)
    found, path = [], f"/blocks?user_id={ann['id']}&limit=3"
    while path:
        response = api._through.open(path)  # type: ignore[union-attr]
        found += [each["user"]["id"] for each in response.json]
        link = response.headers.get("Link", "")
        path = link[1 : link.index(">")] if link else ""
    assert found == [each["id"] for each in reversed(others)]
    assert api.request("GET", f"/blocks?user_id={ann['id']}&before=x", status=422)["code"] == "validation_failed"


@pytest.mark.parametrize("turned", [False, True])
def test_no_message_comes_through_a_direct_conversation(
    api: Api, ann: Json, bob: Json, direct: Json, turned: bool
) -> None:
    group = api.conversation(ann, bob)
    block(api, *((bob, ann) if turned else (ann, bob)))
    path = f"/conversations/{direct['id']}/messages/create"
    for sender in (ann, bob):
        refused = api.request("POST", path, {"user_id": sender["id"], "message": "hi"}, 403)
        assert refused["code"] == "blocked"
        api.send(group, sender)  # groups go on
    unblock(api, *((bob, ann) if turned else (ann, bob)))
    api.send(direct, ann)


def test_neither_finds_the_other(api: Api, ann: Json, bob: Json) -> None:
    def found(user: Json, q: str) -> list[str]:
        return [each["username"] for each in api.request("GET", f"/users/search?user_id={user['id']}&q={q}")]

    block(api, ann, bob)
    for q in ("", "b", "bob"):
        assert found(ann, q) == []
    for q in ("", "a", "ann"):
        assert found(bob, q) == []
    unblock(api, ann, bob)
    assert found(ann, "b") == ["bob"]


def test_a_batch_and_a_lone_send_are_refused_alike(storage: Storage, sql: Sql) -> None:
    ann, bob = (Caller(storage.create_user(name)["id"]) for name in ("ann", "bob"))
    made = storage.create_conversation(ann, {"name": "g", "participant_ids": [bob.user_id]})
    id = made.result["id"]
    make_direct(sql, id, ann.user_id, bob.user_id)
    storage.block_user(bob, ann.user_id)
    with pytest.raises(ChatError, match="blocked"):
        storage.send_message(ann, id, {"message": "hi", "client_id": None})
    send = {"user_id": ann.user_id, "issued_at": None, "conversation_id": id, "message": "hi", "client_id": None}
    (outcome,) = storage.send_messages([send])
    assert isinstance(outcome, ChatError)
    assert (outcome.status, outcome.code) == (403, "blocked")


def test_after_a_block_no_message_that_was_under_way_comes(storage: Storage, sql: Sql) -> None:
    """What is there when the block is answered is all there ever is."""
    ann, bob = (Caller(storage.create_user(name)["id"]) for name in ("ann", "bob"))
    id = storage.create_conversation(ann, {"name": "g", "participant_ids": [bob.user_id]}).result["id"]
    make_direct(sql, id, ann.user_id, bob.user_id)
    codes: list[str] = []
    for _ in range(10):
        refused = threading.Event()

        def send(refused: threading.Event = refused) -> None:
            while not refused.is_set():
                try:
                    storage.send_message(ann, id, {"message": "hi", "client_id": None})
                except ChatError as error:
                    codes.append(error.code)
                    refused.set()

        threads = [threading.Thread(target=send) for _ in range(3)]
        for thread in threads:
            thread.start()
        storage.block_user(bob, ann.user_id)
        at_once = sql("select last_seq from conversations where id = %s", id)
        for thread in threads:
            thread.join()
        assert sql("select last_seq from conversations where id = %s", id) == at_once
        storage.unblock_user(bob, ann.user_id)
    assert set(codes) == {"blocked"}


def test_no_event_tells_of_it(server: Server) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    api.conversation(ann, bob)
    with Device(server) as blocked, Device(server) as own:
        blocked.join(bob)
        own.join(ann)
        block(api, ann, bob)
        unblock(api, ann, bob)
        assert blocked.heard_so_far() == own.heard_so_far() == []


def test_privacy_is_that_of_the_users_asked_for(storage: Storage) -> None:
    ann, bob, eve = (storage.create_user(name)["id"] for name in ("ann", "bob", "eve"))
    storage.block_user(Caller(ann), bob)
    storage.update_user(Caller(bob), bob, {"share_receipts": False})
    assert storage.list_privacy({"user_ids": [ann, bob, str(uuid4())]}) == {
        ann: {"share_receipts": True, "blocked_with": [bob]},
        bob: {"share_receipts": False, "blocked_with": [ann]},
    }
    assert storage.list_privacy({"user_ids": [eve]}) == {eve: {"share_receipts": True, "blocked_with": []}}
