"""Conversations of two, public ones, invites."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.answers import pages, problem, refuses
from tests.support.client import Api

Json = dict[str, Any]
Sql = Callable[..., list[Any]]


def direct(api: Api, user: Json, other: Json, status: int = 200) -> Any:
    body = {"user_id": user["id"], "other_user_id": other["id"]}
    return api.request("POST", "/conversations/direct", body, status)


def join(api: Api, conversation: Json, user: Json, status: int = 200) -> Any:
    return api.request("POST", f"/conversations/{conversation['id']}/join", {"user_id": user["id"]}, status)


def invite(api: Api, conversation: Json, user: Json, **more: Any) -> Json:
    body = {"user_id": user["id"], **more}
    made: Json = api.request("POST", f"/conversations/{conversation['id']}/invites", body)
    return made


def accept(api: Api, made: Json, user: Json, status: int = 200) -> Any:
    return api.request("POST", f"/invites/{made['code']}", {"user_id": user["id"]}, status)


# of two


def test_two_people_have_one_direct_conversation(api: Api, ann: Json, bob: Json) -> None:
    made = direct(api, ann, bob)
    assert (made["type"], made["name"], made["owner_user_id"], made["member_count"]) == ("direct", "", ann["id"], 2)
    assert direct(api, bob, ann) == direct(api, ann, bob) == made
    group = api.conversation(ann, bob)
    assert direct(api, bob, ann)["id"] != group["id"]
    cid = api.user("cid")
    assert direct(api, cid, ann)["id"] != made["id"]
    api.send(made, bob, "hello")
    assert {each["id"] for each in api.conversations(ann)} >= {made["id"]}


def test_there_is_no_direct_conversation_with_oneself_or_nobody(api: Api, client: FlaskClient, ann: Json) -> None:
    body = {"user_id": ann["id"], "other_user_id": ann["id"].upper()}
    refuses(client.post("/conversations/direct", json=body), "other_user_id")
    assert direct(api, ann, {"id": "00000000-0000-4000-8000-000000000000"}, 404)["code"] == "user_not_found"
    assert api.conversations(ann) == []


@pytest.mark.parametrize("blocker", ["ann", "bob"])
def test_the_blocked_have_no_direct_conversation(api: Api, ann: Json, bob: Json, sql: Sql, blocker: str) -> None:
    pair = (ann["id"], bob["id"]) if blocker == "ann" else (bob["id"], ann["id"])
    sql("insert into chat_blocks (user_id, blocked_user_id) values (%s, %s)", *pair)
    for user, other in ((ann, bob), (bob, ann)):
        assert direct(api, user, other, 403)["code"] == "blocked"
    assert sql("select count(*) from conversations") == [(0,)]
    sql("delete from chat_blocks")
    made = direct(api, ann, bob)
    sql("insert into chat_blocks (user_id, blocked_user_id) values (%s, %s)", *pair)
    assert direct(api, ann, bob, 403)["code"] == "blocked"
    body = {"user_id": ann["id"], "message": "hello"}
    assert api.request("POST", f"/conversations/{made['id']}/messages/create", body, 403)["code"] == "blocked"


# public


def test_public_ones_are_found_by_name_and_joined(api: Api, client: FlaskClient, ann: Json, bob: Json) -> None:
    opened = [api.conversation(ann) for _ in range(5)]
    for number, each in enumerate(opened[:4]):
        api.change(each, ann, name=f"Tea {number} 100%", visibility="public")
    path = f"/conversations/public?user_id={bob['id']}"
    for limit in (1, 3, 4):
        listed = [each for page in pages(client, f"{path}&q=TEA&limit={limit}", "next") for each in page]
        assert [each["name"] for each in listed] == [f"Tea {number} 100%" for number in (3, 2, 1, 0)]
        assert {(each["member_count"], each["is_member"]) for each in listed} == {(1, False)}
    for query, found in (("q=%25", 4), ("q=_", 0), ("q=2%20100", 1), ("q=", 4), ("", 4)):
        assert len(api.request("GET", f"{path}&{query}")) == found
    joined = join(api, opened[0], bob)
    assert [each["username"] for each in joined["participants"]] == ["ann", "bob"]
    assert api.request("GET", f"{path}&q=tea%200")[0]["is_member"] is True
    assert join(api, opened[0], bob) == joined  # nothing changes
    assert api.conversation_of(opened[0], ann)["version"] == joined["version"]


def test_only_public_ones_are_joined(api: Api, ann: Json, bob: Json) -> None:
    group = api.conversation(ann)
    assert join(api, group, bob, 404)["code"] == "conversation_not_found"
    assert join(api, group, ann)["version"] == 1
    assert api.request("GET", f"/conversations/public?user_id={bob['id']}") == []


# invites


def test_an_invite_lets_people_in_as_often_as_it_says(api: Api, ann: Json, bob: Json) -> None:
    cid, dan = api.users("cid", "dan")
    group = api.conversation(ann)
    api.send(group, ann, "of before")
    made = invite(api, group, ann, uses=2)
    assert (made["uses_left"], made["expires_at"], made["user_id"]) == (2, None, ann["id"])
    look = f"/invites/{made['code']}?user_id="
    offered = {"code": made["code"], "name": "a group", "member_count": 1, "conversation_id": None}
    assert api.request("GET", look + bob["id"]) == offered
    entered = accept(api, made, bob)
    assert (entered["id"], entered["member_count"]) == (group["id"], 2)
    assert api.request("GET", look + bob["id"]) == offered | {"member_count": 2, "conversation_id": group["id"]}
    assert accept(api, made, bob)["version"] == entered["version"]  # a member already: no use is counted
    assert [each["uses_left"] for each in invites(api, group, ann)] == [1]
    accept(api, made, cid)
    for path, method in ((look + dan["id"], "GET"), (look + ann["id"], "DELETE")):
        assert api.request(method, path, status=404)["code"] == "invite_not_found"
    assert accept(api, made, dan, 404)["code"] == "invite_not_found"
    assert api.conversation_of(group, ann)["member_count"] == 3
    assert [each["message"] for each in api.messages(group, f"user_id={cid['id']}")] == ["of before"]


def invites(api: Api, conversation: Json, user: Json) -> list[Json]:
    listed: list[Json] = api.request("GET", f"/conversations/{conversation['id']}/invites?user_id={user['id']}")
    return listed


def test_an_invite_ends(api: Api, ann: Json, bob: Json, sql: Sql) -> None:
    group = api.conversation(ann)
    kept, taken_back, expired = (invite(api, group, ann, expires_in=60) for _ in range(3))
    assert len({each["code"] for each in (kept, taken_back, expired)}) == 3
    assert api.request("DELETE", f"/invites/{taken_back['code']}?user_id={ann['id']}") == taken_back
    sql("update chat_invites set expires_at = now() where code = %s", expired["code"])
    assert invites(api, group, ann) == [kept]
    for each in (taken_back, expired):
        assert accept(api, each, bob, 404)["code"] == "invite_not_found"
        assert api.request("GET", f"/invites/{each['code']}?user_id={bob['id']}", status=404)
    accept(api, kept, bob)


def test_an_invite_outlives_its_makers_membership_until_it_is_taken_back(api: Api, ann: Json, bob: Json) -> None:
    cid, eve = api.users("cid", "eve")
    talk = api.conversation(ann, bob)
    api.give_role(talk, ann, bob, "admin")
    code = api.request("POST", f"/conversations/{talk['id']}/invites", {"user_id": bob["id"]})["code"]
    api.remove(talk, ann, bob)
    api.request("POST", f"/invites/{code}", {"user_id": cid["id"]})
    assert code in [
        each["code"] for each in api.request("GET", f"/conversations/{talk['id']}/invites?user_id={ann['id']}")
    ]
    api.request("DELETE", f"/invites/{code}?user_id={ann['id']}")
    api.request("POST", f"/invites/{code}", {"user_id": eve["id"]}, 404)


def test_invites_are_listed_in_pages(api: Api, client: FlaskClient, ann: Json) -> None:
    group = api.conversation(ann)
    made = [invite(api, group, ann) for _ in range(5)]
    for limit in (1, 2, 5):
        path = f"/conversations/{group['id']}/invites?user_id={ann['id']}&limit={limit}"
        assert [each for page in pages(client, path, "next") for each in page] == made[::-1]


@pytest.mark.parametrize("code", ["x", "%00", "%ff", "x" * 22, "x" * 10_000, "%F0%9F%98%80", "null"])
def test_a_code_that_is_none_is_404(client: FlaskClient, api: Api, ann: Json, code: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        named = {"json": {"user_id": ann["id"]}} if method == "POST" else {"query_string": {"user_id": ann["id"]}}
        problem(client.open(f"/invites/{code}", method=method, **named), 404, "invite_not_found")  # type: ignore[arg-type]
