"""Mentions: who is told, who is not, and the list of them."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.http.test_tombstones import delete
from tests.support.answers import pages
from tests.support.client import Api

Json = dict[str, Any]
Sql = Callable[..., list[Any]]
NOBODY = "00000000-0000-4000-8000-000000000000"


def send(api: Api, conversation: Json, user: Json, text: str, **more: Any) -> Json:
    body = {"user_id": user["id"], "message": text, **more}
    return api.request("POST", f"/conversations/{conversation['id']}/messages/create", body)


def mentions(api: Api, user: Json) -> list[str]:
    return [each["message"] for each in api.request("GET", f"/mentions?user_id={user['id']}")]


@pytest.fixture
def group(api: Api, ann: Json, bob: Json) -> Json:
    return api.conversation(ann, bob)


def test_listed_and_named_members_are_mentioned_once(api: Api, ann: Json, bob: Json, group: Json) -> None:
    sent = send(api, group, ann, f"@[{bob['id'].upper()}] and @bob", mentions=[bob["id"], ann["id"]])
    assert sent["mentions"] == sorted([ann["id"], bob["id"]])
    assert "mentions_not_members" not in sent
    assert mentions(api, bob) == [sent["message"]]
    assert mentions(api, ann) == []  # her own
    send(api, group, ann, "@bob, bob, @[bob]")
    assert len(mentions(api, bob)) == 1


def test_the_sender_alone_learns_who_is_no_member(api: Api, ann: Json, bob: Json, group: Json, sql: Sql) -> None:
    eve = api.user("eve")
    draft = {"mentions": [eve["id"], bob["id"]], "client_id": "c"}
    sent = send(api, group, ann, f"@[{NOBODY}]", **draft)
    assert sent["mentions_not_members"] == [NOBODY, eve["id"]]
    assert sent["mentions"] == [bob["id"]]
    assert send(api, group, ann, f"@[{NOBODY}]", **draft) == sent
    assert mentions(api, eve) == []
    assert sql("select count(*) from user_conversation where user_id = %s", eve["id"]) == [(0,)]
    assert "mentions_not_members" not in api.messages(group)[0]
    path, change = f"/messages/{sent['id']}", {"user_id": ann["id"], "message": "new", "mentions": [eve["id"]]}
    assert api.request("PATCH", path, change)["mentions_not_members"] == [eve["id"]]
    assert "mentions_not_members" not in api.messages(group)[0]


@pytest.mark.parametrize("blocker", [0, 1])
def test_a_block_keeps_mentions_away(api: Api, ann: Json, bob: Json, group: Json, sql: Sql, blocker: int) -> None:
    pair = [ann["id"], bob["id"]]
    sql("insert into chat_blocks (user_id, blocked_user_id) values (%s, %s)", pair[blocker], pair[1 - blocker])
    root = send(api, group, ann, "root")
    sent = send(api, group, ann, "hello", mentions=[bob["id"]], thread_id=root["id"])
    assert sent["mentions"] == [bob["id"]]
    assert "mentions_not_members" not in sent
    assert mentions(api, bob) == []
    assert api.request("GET", f"/threads?user_id={bob['id']}") == []


def test_mentions_come_in_pages_newest_first(
    api: Api, client: FlaskClient, ann: Json, bob: Json, group: Json, sql: Sql
) -> None:
    for number in range(5):
        last = send(api, group, ann, str(number), mentions=[bob["id"]])
    delete(sql, last)
    found = list(pages(client, f"/mentions?user_id={bob['id']}&limit=2", "next"))
    assert [[each["message"] for each in page] for page in found] == [["3", "2"], ["1", "0"]]
    sql("update user_conversation set history_from = 3 where user_id = %s", bob["id"])
    assert mentions(api, bob) == ["3", "2"]
    sql("delete from user_conversation where user_id = %s", bob["id"])
    assert mentions(api, bob) == []


def test_an_edit_changes_who_is_told(api: Api, ann: Json, bob: Json, sql: Sql) -> None:
    cid = api.user("cid")
    group = api.conversation(ann, bob, cid)
    sent = send(api, group, ann, "hello", mentions=[bob["id"]])
    for now in ([cid["id"]], [cid["id"], bob["id"]], None):
        sql("update messages set mentions = %s::uuid[] where id = %s", now, sent["id"])
        sql("select chat_note_mentions(m) from messages as m where id = %s", sent["id"])
        told = {user["id"] for user in (bob, cid) if mentions(api, user)}
        assert told == set(now or ())
