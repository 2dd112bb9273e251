"""Threads over HTTP: replies in pages, who follows, what is unread, what does not exist for a member."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.http.test_tombstones import delete
from tests.support.answers import pages, problem
from tests.support.client import Api

Json = dict[str, Any]
Sql = Callable[..., list[Any]]


def reply(api: Api, user: Json, root: Json, text: str = "a reply", **more: Any) -> Json:
    body = {"user_id": user["id"], "message": text, "thread_id": root["id"], **more}
    return api.request("POST", f"/conversations/{root['conversation_id']}/messages/create", body)


def threads(api: Api, user: Json) -> list[Json]:
    return api.request("GET", f"/threads?user_id={user['id']}")


def thread(api: Api, user: Json, root: Json, query: str = "") -> list[Json]:
    return api.request("GET", f"/messages/{root['id']}/thread?user_id={user['id']}&{query}")


@pytest.fixture
def root(api: Api, ann: Json, talk: Json) -> Json:
    """A message of Ann's in her conversation with Bob."""
    return talk["messages"][0]


def test_a_reply_is_one_version_and_counts_at_its_root(api: Api, bob: Json, talk: Json, root: Json) -> None:
    sent = reply(api, bob, root)
    assert (sent["seq"], sent["version"], sent["thread_id"]) == (4, talk["version"] + 1, root["id"])
    assert sent["thread"] == {"id": root["id"], "seq": 1, "reply_count": 1, "last_reply_at": sent["created_at"]}
    (synced,) = api.sync(bob, {talk["id"]: talk["version"]})["conversations"]
    assert [(each["id"], each["version"]) for each in synced["messages"]] == [
        (root["id"], sent["version"]),
        (sent["id"], sent["version"]),
    ]
    assert synced["messages"][0]["reply_count"] == 1


def test_a_reply_to_a_reply_has_the_same_root(api: Api, ann: Json, bob: Json, root: Json) -> None:
    first = reply(api, bob, root)
    second = reply(api, ann, first)
    assert second["thread_id"] == root["id"]
    assert [each["id"] for each in thread(api, ann, first)] == [first["id"], second["id"]]


def test_pages_of_replies_lead_both_ways(api: Api, client: FlaskClient, ann: Json, bob: Json, root: Json) -> None:
    seqs = []
    for _ in range(5):
        seqs.append(reply(api, bob, root)["seq"])
        api.send({"id": root["conversation_id"]}, ann, "in between")
    path = f"/messages/{root['id']}/thread?user_id={ann['id']}&limit=2"
    back = list(pages(client, path, "prev"))
    assert [[each["seq"] for each in page] for page in back] == [seqs[3:], seqs[1:3], seqs[:1]]
    onward = list(pages(client, f"{path}&after_seq=0", "next"))
    assert [[each["seq"] for each in page] for page in onward] == [seqs[:2], seqs[2:4], seqs[4:]]
    newest = client.get(path)
    assert (newest.headers["X-Has-More-Before"], newest.headers["X-Has-More-After"]) == ("true", "false")
    assert thread(api, ann, root, "before_seq=0") == []
    assert thread(api, ann, root, "after_seq=999") == []
    assert client.get(f"{path}&after_seq=1&before_seq=2").status_code == 422


def test_who_starts_writes_or_is_mentioned_follows(api: Api, sql: Sql) -> None:
    ann, bob, cid, dan = api.users("ann", "bob", "cid", "dan")
    conversation = api.conversation(ann, bob, cid, dan)
    root = api.send(conversation, ann)
    assert threads(api, ann) == []  # no reply yet
    reply(api, bob, root, f"look, @[{cid['id']}]")
    found = {user["username"]: threads(api, user) for user in (ann, bob, cid, dan)}
    assert {name: [each["id"] for each in each_found] for name, each_found in found.items()} == {
        "ann": [root["id"]], "bob": [root["id"]], "cid": [root["id"]], "dan": []
    }  # fmt: skip
    assert [found[name][0]["unread_count"] for name in ("ann", "bob", "cid")] == [1, 0, 1]


def test_who_no_longer_follows_is_drawn_in_by_a_reply_of_their_own_alone(
    api: Api, ann: Json, bob: Json, root: Json
) -> None:
    reply(api, bob, root)
    path = f"/messages/{root['id']}/thread/follow"
    assert not api.request("DELETE", f"{path}?user_id={ann['id']}")["following"]
    reply(api, bob, root, f"@[{ann['id']}]")
    assert threads(api, ann) == []
    reply(api, ann, root)
    assert len(threads(api, ann)) == 1


def test_who_chose_to_follow_has_read_what_is_there(api: Api, bob: Json, root: Json) -> None:
    cid = api.user("cid")
    conversation = api.conversation(bob, cid)
    root = api.send(conversation, bob)
    sent = reply(api, bob, root)
    chosen = api.request("PUT", f"/messages/{root['id']}/thread/follow", {"user_id": cid["id"]})
    assert chosen == {
        "thread_id": root["id"], "conversation_id": conversation["id"], "unread_count": 0,
        "last_read_seq": sent["seq"], "following": True,
    }  # fmt: skip
    reply(api, bob, root)
    assert threads(api, cid)[0]["unread_count"] == 1


def test_reading_moves_forward_and_never_beyond_the_newest_reply(api: Api, ann: Json, bob: Json, root: Json) -> None:
    first, second = reply(api, bob, root), reply(api, bob, root)
    path = f"/messages/{root['id']}/thread/receipts"

    def read(seq: int) -> tuple[int, int]:
        answer = api.request("PUT", path, {"user_id": ann["id"], "read_seq": seq})
        return answer["last_read_seq"], answer["unread_count"]

    assert read(first["seq"]) == (first["seq"], 1)
    assert read(0) == (first["seq"], 1)
    assert read(9_999) == (second["seq"], 0)
    reply(api, bob, root)
    assert threads(api, ann)[0]["unread_count"] == 1


def test_who_only_read_a_thread_does_not_follow_it_until_they_are_mentioned(api: Api) -> None:
    ann, bob, cid = api.users("ann", "bob", "cid")
    conversation = api.conversation(ann, bob, cid)
    root = api.send(conversation, ann)
    sent = reply(api, bob, root)
    path = f"/messages/{root['id']}/thread/receipts"
    assert not api.request("PUT", path, {"user_id": cid["id"], "read_seq": sent["seq"]})["following"]
    assert threads(api, cid) == []
    reply(api, bob, root, f"@[{cid['id']}]")
    assert [each["unread_count"] for each in threads(api, cid)] == [1]


def test_threads_come_in_pages_the_latest_reply_first(api: Api, client: FlaskClient, ann: Json, bob: Json) -> None:
    conversation = api.conversation(ann, bob)
    roots = [api.send(conversation, ann, str(number)) for number in range(3)]
    for number in (2, 0, 1):
        reply(api, bob, roots[number])
    found = list(pages(client, f"/threads?user_id={ann['id']}&limit=2", "next"))
    assert [[each["message"] for each in page] for page in found] == [["1", "0"], ["2"]]


def test_deleted_replies_are_not_unread(api: Api, ann: Json, bob: Json, root: Json, sql: Sql) -> None:
    sent = reply(api, bob, root)
    delete(sql, sent)
    assert threads(api, ann)[0]["unread_count"] == 0
    assert thread(api, ann, root)[0]["message"] == ""


def test_a_root_of_before_the_members_time_does_not_exist(
    api: Api, client: FlaskClient, ann: Json, bob: Json, root: Json, sql: Sql
) -> None:
    sent = reply(api, ann, root, f"@[{bob['id']}]")
    sql("update user_conversation set history_from = 3 where user_id = %s", bob["id"])
    assert threads(api, bob) == []
    for message in (root, sent):
        problem(client.get(f"/messages/{message['id']}/thread?user_id={bob['id']}"), 404, "message_not_found")
        body = {"user_id": bob["id"]}
        problem(client.put(f"/messages/{message['id']}/thread/follow", json=body), 404, "message_not_found")
    path = f"/conversations/{root['conversation_id']}/messages/create"
    body = {"user_id": bob["id"], "message": "x", "thread_id": root["id"]}
    problem(client.post(path, json=body), 404, "message_not_found")


def test_who_leaves_follows_no_thread_when_they_are_back(api: Api, ann: Json, bob: Json, root: Json) -> None:
    talk = {"id": root["conversation_id"]}
    of_bob = api.send(talk, bob, "bob's, which nobody has answered")
    reply(api, bob, root)
    assert [each["id"] for each in threads(api, bob)] == [root["id"]]
    api.remove(talk, bob, bob)
    reply(api, ann, root)
    reply(api, ann, of_bob)  # its author, who is away, is not drawn in
    assert threads(api, bob) == []
    api.add(talk, ann, bob)
    assert threads(api, bob) == []
    reply(api, bob, root)
    assert [each["id"] for each in threads(api, bob)] == [root["id"]]


def test_a_stranger_is_told_nothing_of_a_thread(api: Api, client: FlaskClient, root: Json) -> None:
    eve = api.user("eve")
    nothing = "00000000-0000-4000-8000-000000000000"
    answers = [
        problem(client.get(f"/messages/{id}/thread?user_id={eve['id']}"), 404, "message_not_found")["detail"]
        for id in (root["id"], nothing, "x")
    ]
    assert len(set(answers)) == 1


def test_who_has_left_sees_none_of_its_threads(api: Api, ann: Json, bob: Json, root: Json, sql: Sql) -> None:
    reply(api, bob, root)
    sql("delete from user_conversation where user_id = %s", bob["id"])
    assert threads(api, bob) == []
    assert len(threads(api, ann)) == 1
