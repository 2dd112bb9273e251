"""Messages that answer others quote them as they are now, on both drivers."""

import json

import pytest

from chat.storage import Storage
from tests.support.talk import Sql, Talk, event, items, refused


@pytest.fixture
def talk(storage: Storage, sql: Sql) -> Talk:
    return Talk(storage, sql)


def test_a_quote_is_what_its_original_is_now(storage: Storage, talk: Talk) -> None:
    original = talk.send(talk.ann, "x" * 300)
    answer = talk.send(talk.bob, "answer", reply_to=original["id"])
    assert answer["quote"] == {
        "id": original["id"],
        "seq": 1,
        "user_id": talk.ann.user_id,
        "users": original["users"],
        "message": "x" * 200,
        "deleted_at": None,
    }
    storage.edit_message(talk.ann, original["id"], {"message": "shorter"})
    assert talk.get(talk.ann, answer["id"])["quote"]["message"] == "shorter"
    assert talk.get(talk.ann, answer["id"])["version"] == answer["version"]
    deleted = storage.delete_message(talk.ann, original["id"]).result
    quote = {**answer["quote"], "message": "", "deleted_at": deleted["deleted_at"]}
    seen = [
        talk.get(talk.bob, answer["id"]),
        items(storage.list_messages(talk.bob, talk.id, 10))[1],
        json.loads(storage.sync(talk.bob, {}, None, 10))["conversations"][0]["messages"][1],
        items(storage.list_conversations(talk.bob, 10, 10))[0]["messages"][1],
        storage.edit_message(talk.bob, answer["id"], {"message": "answer two"}).result,
        event(storage.edit_message(talk.bob, answer["id"], {"message": "answer three"}), "messageUpdated"),
    ]
    assert all(each["quote"] == quote and each["reply_to"] == original["id"] for each in seen)


def test_a_quote_of_before_a_members_time_is_none(storage: Storage, talk: Talk) -> None:
    original = talk.send(talk.ann, "before")["id"]
    answer = talk.send(talk.bob, "answer", reply_to=original)["id"]
    late = talk.add("late", history_from=2)
    seen = [
        talk.get(late, answer),
        items(storage.list_messages(late, talk.id, 10))[0],
        json.loads(storage.sync(late, {}, None, 10))["conversations"][0]["messages"][0],
        items(storage.list_conversations(late, 10, 10))[0]["last_message"],
        storage.add_reaction(late, answer, "👍").result,
    ]
    assert all((each["quote"], each["reply_to"]) == (None, None) for each in seen)
    assert "before" not in str(seen)
    refused(404, "message_not_found", lambda: talk.send(late, "me too", reply_to=original))
    assert talk.send(talk.ann, "me too", reply_to=answer)["quote"]["message"] == "answer"


def test_a_message_of_another_conversation_cannot_be_quoted(storage: Storage, talk: Talk) -> None:
    other = storage.create_conversation(talk.ann, {"name": "other", "participant_ids": []}).result["id"]
    message = storage.send_message(talk.ann, other, {"message": "elsewhere"}).result["id"]
    refused(404, "message_not_found", lambda: talk.send(talk.ann, "answer", reply_to=message))
