"""`POST /sync`: everything that a device missed, and nothing that is not its business."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from chat.auth import Caller
from chat.schemas.conversations import MemberConversationSchema, OwnSchema
from chat.storage import Storage
from tests.support.client import Api

Json = dict[str, Any]
Sql = Callable[..., list[Any]]

SUMMARY = {"id", "version", "last_seq", "oldest_seq", *OwnSchema().fields}
WHOLE = {"recovered", *MemberConversationSchema().fields}


def since(*conversations: Json) -> dict[str, int]:
    return {conversation["id"]: conversation["version"] for conversation in conversations}


def texts(messages: list[Json]) -> list[str]:
    return [message["message"] for message in messages]


def test_unknown_conversation_comes_whole(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    assert talk.keys() == WHOLE
    assert texts(talk["messages"]) == ["one", "two", "three"]
    assert [message["seq"] for message in talk["messages"]] == [1, 2, 3]
    assert {user["id"] for user in talk["participants"]} == {ann["id"], bob["id"]}
    assert talk["recovered"] is True
    assert talk["version"] == talk["messages"][-1]["version"] == 4
    assert (talk["last_seq"], talk["unread_count"], talk["last_read_seq"], talk["last_delivered_seq"]) == (3, 3, 0, 0)


def test_it_is_what_the_list_shows(api: Api, bob: Json, talk: Json) -> None:
    del talk["recovered"]
    assert api.conversations(bob) == [talk]
    assert api.messages(talk) == talk["messages"]


def test_user_without_conversations_gets_empty_lists(api: Api, ann: Json) -> None:
    synced = api.sync(ann)
    assert (synced["conversations"], synced["removed"], synced["has_more"]) == ([], [], False)


def test_unchanged_conversation_is_a_short_summary(api: Api, bob: Json, talk: Json) -> None:
    synced = api.sync(bob, since(talk))
    assert synced["conversations"] == [{name: talk[name] for name in SUMMARY}]
    assert (synced["removed"], synced["has_more"]) == ([], False)


def test_summary_carries_pointers_that_moved_elsewhere(api: Api, bob: Json, talk: Json) -> None:
    api.request("PUT", f"/conversations/{talk['id']}/receipts", {"user_id": bob["id"], "read_seq": 2})
    (summary,) = api.sync(bob, since(talk))["conversations"]
    assert summary.keys() == SUMMARY
    assert (summary["unread_count"], summary["last_read_seq"], summary["last_delivered_seq"]) == (1, 2, 2)


def test_changed_conversation_comes_with_what_has_changed(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    sent = [api.send(talk, ann, text) for text in ("four", "five")]
    (changed,) = api.sync(bob, since(talk))["conversations"]
    assert changed.keys() == WHOLE
    assert changed["recovered"] is True
    assert [message["id"] for message in changed["messages"]] == [message["id"] for message in sent]
    assert (changed["version"], changed["last_seq"], changed["unread_count"]) == (6, 5, 5)


def test_versions_have_no_gap(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    assert [message["version"] for message in talk["messages"]] == [2, 3, 4]
    assert api.send(talk, bob)["version"] == talk["version"] + 1


def test_left_deleted_and_strange_conversations_are_removed(api: Api, ann: Json, bob: Json, sql: Sql) -> None:
    left, deleted, kept = (api.conversation(ann, bob) for _ in range(3))
    of_others = api.conversation(*api.users("cem", "dora"))
    for conversation in (left, deleted, of_others):
        api.send(conversation, {"id": conversation["owner_user_id"]}, "secret")
    sql("delete from user_conversation where conversation_id = %s and user_id = %s", left["id"], bob["id"])
    sql("delete from conversations where id = %s", deleted["id"])
    gone = {left["id"], deleted["id"], of_others["id"], str(uuid4())}
    synced = api.sync(bob, since(kept) | dict.fromkeys(gone, 1))
    assert set(synced["removed"]) == gone
    assert len(synced["removed"]) == len(gone)
    assert [each["id"] for each in synced["conversations"]] == [kept["id"]]
    assert "secret" not in str(synced)


@pytest.mark.parametrize(("new", "recovered"), [(3, True), (4, False)])
def test_more_changes_than_the_limit_are_a_new_start(
    api: Api, ann: Json, bob: Json, talk: Json, new: int, recovered: bool
) -> None:
    sent = [api.send(talk, ann, f"new {number}") for number in range(new)]
    (changed,) = api.sync(bob, since(talk), limit=3)["conversations"]
    assert changed["recovered"] is recovered
    assert texts(changed["messages"]) == texts(sent[-3:])
    assert changed["version"] == talk["version"] + new


def test_version_of_another_history_is_a_new_start(api: Api, bob: Json, talk: Json) -> None:
    (changed,) = api.sync(bob, {talk["id"]: talk["version"] + 1})["conversations"]
    assert changed["recovered"] is False
    assert changed["messages"] == talk["messages"]
    assert changed["version"] == talk["version"]


def test_what_is_known_may_be_named_in_upper_case(api: Api, bob: Json, talk: Json) -> None:
    (summary,) = api.sync(bob, {talk["id"].upper(): talk["version"]})["conversations"]
    assert summary.keys() == SUMMARY


def test_asking_again_reaches_the_end_of_many_conversations(api: Api, ann: Json, bob: Json, sql: Sql) -> None:
    conversations = [api.conversation(ann, bob) for _ in range(103)]
    known: dict[str, int] = {}
    order = []
    for has_more in (True, True, False):
        synced = api.sync(bob, known)
        assert synced["has_more"] is has_more
        whole = [each for each in synced["conversations"] if "recovered" in each]
        assert len(whole) <= 50
        order += [each["id"] for each in whole]
        known |= since(*whole)
    assert order == [each["id"] for each in reversed(conversations)]  # most recently active first, each once
    synced = api.sync(bob, known)
    assert {each["id"] for each in synced["conversations"]} == set(order)
    assert all(each.keys() == SUMMARY for each in synced["conversations"])


def test_unchanged_conversations_take_no_place_of_changed_ones(api: Api, ann: Json, bob: Json) -> None:
    changed = api.conversation(ann, bob)  # the least recently active
    unchanged = [api.conversation(ann, bob) for _ in range(51)]
    synced = api.sync(bob, since(*unchanged))
    assert len(synced["conversations"]) == 52
    assert [each["id"] for each in synced["conversations"] if "recovered" in each] == [changed["id"]]
    assert synced["has_more"] is False


def test_sync_changes_nothing(api: Api, bob: Json, talk: Json, sql: Sql) -> None:
    stored = "select c::text, m::text from conversations as c join user_conversation as m on m.conversation_id = c.id"
    before = sql(stored)
    first, second = api.sync(bob), api.sync(bob)
    # The cursor is of the whole cluster's transactions, those of other databases too: it moves on by itself.
    assert first | {"cursor": None} == second | {"cursor": None}
    assert second["conversations"][0]["last_delivered_seq"] == 0
    assert sorted(sql(stored)) == sorted(before)


def test_body_may_name_nothing_known(api: Api, bob: Json, talk: Json) -> None:
    assert api.request("POST", "/sync", {"user_id": bob["id"]})["conversations"] == [talk]


@pytest.mark.parametrize(
    "bad",
    [
        {"since": None},
        {"since": []},
        {"since": {"no id": 1}},
        {"since": {str(uuid4()): None}},
        {"since": {str(uuid4()): -1}},
        {"since": {str(uuid4()): 1.5}},
        {"since": {str(uuid4()): "x"}},
        {"since": {str(uuid4()): 2**53}},
        {"since": {str(uuid4()): 10**30}},
        {"limit": 0},
        {"limit": 201},
        {"limit": "many"},
    ],
)
def test_what_cannot_be_known_is_refused(api: Api, bob: Json, bad: Json) -> None:
    refused = api.request("POST", "/sync", {"user_id": bob["id"], **bad}, status=422)
    assert refused["code"] == "validation_failed"
    assert all(field.split(".")[0] in bad for field in refused["errors"])


def test_too_much_known_is_refused(api: Api, bob: Json) -> None:
    api.request("POST", "/sync", {"user_id": bob["id"], "since": {str(uuid4()): 1 for _ in range(10_001)}}, status=422)


def test_unknown_user_is_404(api: Api) -> None:
    api.request("POST", "/sync", {"user_id": str(uuid4())}, status=404)


@pytest.mark.parametrize("path", ["/sync", "/conversations", "/unread"])
def test_coming_back_is_one_round_trip_whatever_there_is(
    api: Api, app: Flask, ann: Json, bob: Json, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    for _ in range(5):
        api.send(api.conversation(ann, bob, *api.users("cem", "dora")), ann)
    calls = []
    storage = app.extensions["storage"]
    call_text = storage.call_text
    monkeypatch.setattr(
        storage, "call_text", lambda function, **args: calls.append(function) or call_text(function, **args)
    )
    if path == "/sync":
        assert len(api.sync(bob)["conversations"]) == 5
    else:
        assert api.request("GET", f"{path}?user_id={bob['id']}")
    assert len(calls) == 1


def test_both_drivers_answer_the_same(storage: Storage) -> None:
    ann, bob = (storage.create_user(name)["id"] for name in ("ann", "bob"))
    conversation = storage.create_conversation(Caller(ann), {"name": "a group", "participant_ids": [bob]}).result
    storage.send_message(Caller(ann), conversation["id"], {"message": "hello"})
    for known, shape in (({}, WHOLE), ({conversation["id"]: 1}, WHOLE), ({conversation["id"]: 2}, SUMMARY)):
        (synced,) = json.loads(storage.sync(Caller(bob), known, None, 5))["conversations"]
        assert synced.keys() == shape
