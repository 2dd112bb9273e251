"""System messages: who was added, came, left, was removed; a new name."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.support.client import Api

Json = dict[str, Any]


@pytest.fixture
def api(make_app: Callable[..., Flask]) -> Api:
    return Api(make_app(system_messages="on").test_client())


def told(api: Api, conversation: Json) -> list[tuple[str, str]]:
    return [(each["message"], each["custom"]["event"]) for each in api.messages(conversation) if each["custom"]]


def test_they_tell_what_has_happened_in_names_of_today(api: Api, ann: Json, bob: Json) -> None:
    cid, dan = api.users("cid", "dan")
    group = api.conversation(ann, bob)
    added = api.add(group, ann, cid)
    assert added["version"] == 2  # the message is the next
    api.change(group, ann, name='The "new" name', description="at once")
    api.change(group, ann, description="not told")
    api.remove(group, ann, bob)
    api.change(group, ann, visibility="public")
    api.request("POST", f"/conversations/{group['id']}/join", {"user_id": dan["id"]})
    api.remove(group, cid, cid)
    assert told(api, group) == [
        ("ann added cid.", "member_added"),
        ('ann renamed the conversation to "The "new" name".', "renamed"),
        ("ann removed bob.", "member_removed"),
        ("dan joined.", "member_joined"),
        ("cid left.", "member_left"),
    ]
    messages = api.messages(group)
    assert {each["type"] for each in messages} == {"system"}
    assert [each["seq"] for each in messages] == [1, 2, 3, 4, 5]
    assert [each["version"] for each in messages] == [3, 5, 8, 11, 13]
    assert messages[0]["custom"] == {"event": "member_added", "user_ids": [cid["id"]], "count": 1}
    assert (messages[0]["user_id"], messages[0]["users"]["username"]) == (ann["id"], "ann")
    assert messages[1]["custom"] == {"event": "renamed", "user_ids": [], "count": 0, "name": 'The "new" name'}


def test_they_hold_ids_and_no_names(api: Api, ann: Json, bob: Json, sql: Callable[..., list[Any]]) -> None:
    group = api.conversation(ann)
    api.add(group, ann, bob)
    assert sql("select count(*) from messages where to_jsonb(messages)::text ~ 'ann|bob'") == [(0,)]
    sql("update users set username = 'robert' where id = %s", bob["id"])
    assert told(api, group) == [("ann added robert.", "member_added")]


def test_many_are_named_in_part(api: Api, ann: Json) -> None:
    group = api.conversation(ann)
    api.add(group, ann, *api.users("p", "p", "p", "p"))
    api.add(group, ann, *api.users("p", "p", "p", "p", "p"))
    assert [text for text, _ in told(api, group)] == [
        "ann added p, p, p and 1 other.",
        "ann added p, p, p and 2 others.",
    ]


def test_they_are_unread_for_nobody(api: Api, ann: Json, bob: Json) -> None:
    group = api.conversation(ann, bob)
    api.send(group, ann)
    api.change(group, ann, name="1")
    api.send(group, ann)
    api.change(group, ann, name="2")
    assert [api.conversation_of(group, each)["unread_count"] for each in (ann, bob)] == [0, 2]
    assert api.request("GET", f"/unread?user_id={bob['id']}")["total"] == 2
    for read, left in ((1, 1), (2, 1), (3, 0), (4, 0)):
        api.request("PUT", f"/conversations/{group['id']}/receipts", {"user_id": bob["id"], "read_seq": read})
        assert api.conversation_of(group, bob)["unread_count"] == left
    cid = api.user("cid")
    api.add(group, ann, cid)
    api.send(group, bob)
    assert [api.conversation_of(group, each)["unread_count"] for each in (ann, bob, cid)] == [1, 0, 1]


def test_they_bring_no_archived_conversation_back(api: Api, ann: Json, bob: Json) -> None:
    group = api.conversation(ann, bob)
    api.change(f"/conversations/{group['id']}/settings", bob, archived=True)
    api.change(group, ann, name="new")
    assert api.conversations(bob) == []
    api.send(group, ann)
    assert len(api.conversations(bob)) == 1


def test_who_comes_now_sees_the_message_that_says_so(api: Api, ann: Json, bob: Json) -> None:
    group = api.conversation(ann)
    api.send(group, ann, "of before")
    api.add(group, ann, bob, history_from="now")
    assert [each["message"] for each in api.messages(group, f"user_id={bob['id']}")] == ["ann added bob."]


def test_they_can_be_off(make_app: Callable[..., Flask]) -> None:
    api = Api(make_app().test_client())  # as they are in open mode
    ann, bob = api.users("ann", "bob")
    group = api.conversation(ann)
    api.add(group, ann, bob)
    api.change(group, ann, name="new")
    assert api.messages(group) == []
    assert api.conversation_of(group, bob)["version"] == 3
