"""What a repeated send gets when things have changed since the first, on both drivers."""

from typing import Any

import pytest

from chat.storage import Change, Storage
from tests.support.talk import Sql, Talk


@pytest.fixture
def talk(storage: Storage, sql: Sql) -> Talk:
    return Talk(storage, sql)


def alone(storage: Storage, talk: Talk) -> Change:
    return storage.send_message(talk.bob, talk.id, {"message": "mine", "client_id": "c"})


def together(storage: Storage, talk: Talk) -> Change:
    send = {"conversation_id": talk.id, "user_id": talk.bob.user_id, "issued_at": None}
    (change,) = storage.send_messages([send | {"message": "mine", "client_id": "c"}])
    assert isinstance(change, Change)
    return change


@pytest.mark.parametrize("again", [alone, together])
def test_who_was_added_again_sees_nothing_of_before(storage: Storage, talk: Talk, again: Any) -> None:
    root = talk.send(talk.ann, "before")["id"]
    sent = talk.send(talk.bob, "mine", client_id="c", reply_to=root, thread_id=root)
    assert sent["quote"]["message"] == "before"
    assert sent["thread"]["id"] == root
    storage.remove_member(talk.bob, talk.id, talk.bob.user_id, False)
    storage.edit_message(talk.ann, root, {"message": "secret"})
    draft = {"participant_ids": [talk.bob.user_id], "history_from": "now"}
    storage.add_members(talk.ann, talk.id, draft, False)
    change = again(storage, talk)
    assert not change.announce
    assert (change.result["id"], change.result["message"]) == (sent["id"], "mine")
    assert [change.result[name] for name in ("quote", "reply_to", "thread", "thread_id")] == [None] * 4
    assert root not in str(change)


@pytest.mark.parametrize("again", [alone, together])
def test_nobody_hears_again_of_a_message_that_was_deleted(storage: Storage, talk: Talk, again: Any) -> None:
    sent = talk.send(talk.bob, "mine", client_id="c")
    assert again(storage, talk).announce
    storage.delete_message(talk.bob, sent["id"])
    change = again(storage, talk)
    assert not change.announce
    assert change.result["deleted_at"]
