"""Members: added, removed, leaving, followed, listed; what those see who come later."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.answers import pages, problem
from tests.support.client import Api

Json = dict[str, Any]
Sql = Callable[..., list[Any]]


def roles(api: Api, conversation: Json, user: Json) -> dict[str, str]:
    return {each["username"]: each["role"] for each in api.members(conversation, user)}


def texts(messages: list[Json]) -> list[str]:
    return [each["message"] for each in messages]


def block(sql: Sql, blocker: Json, blocked: Json) -> None:
    sql("insert into chat_blocks (user_id, blocked_user_id) values (%s, %s)", blocker["id"], blocked["id"])


# added


def test_an_added_member_is_one_of_the_conversation_with_everything_read(api: Api, bob: Json, talk: Json) -> None:
    cid = api.user("cid")
    added = api.add(talk, {"id": talk["owner_user_id"]}, cid)
    assert (added["version"], added["member_count"]) == (talk["version"] + 1, 3)
    assert [each["username"] for each in added["participants"]] == ["ann", "bob", "cid"]
    assert "not_added" not in added
    seen = api.conversation_of(talk, cid)
    assert (seen["unread_count"], seen["last_read_seq"], seen["last_delivered_seq"]) == (0, 3, 3)
    assert texts(api.messages(talk, f"user_id={cid['id']}")) == ["one", "two", "three"]
    api.send(talk, bob)
    assert api.conversation_of(talk, cid)["unread_count"] == 1


def test_adding_members_who_are_there_changes_nothing(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    for users in ((bob,), (ann, bob, bob), ()):
        again = api.add(talk, ann, *users, role="admin", history_from="now")
        assert (again["version"], again["member_count"]) == (talk["version"], 2)
    assert roles(api, talk, ann) == {"ann": "owner", "bob": "member"}


def test_adding_somebody_unknown_adds_nobody(api: Api, ann: Json, talk: Json) -> None:
    unknown = {"id": "00000000-0000-4000-8000-000000000000"}
    assert api.add(talk, ann, api.user("cid"), unknown, status=404)["code"] == "user_not_found"
    assert api.conversation_of(talk, ann)["member_count"] == 2


@pytest.mark.parametrize(
    ("history", "history_from", "seen"),
    [
        ("all", None, ["one", "two", "three"]),
        ("since_joined", None, []),
        ("since_joined", "all", ["one", "two", "three"]),
        ("all", "now", []),
        ("all", 1, ["one", "two", "three"]),
        ("since_joined", 3, ["three"]),
        ("all", 4, []),
        ("all", 2**53 - 1, []),
    ],
)
def test_history_from_says_what_exists_for_a_new_member(
    api: Api, ann: Json, talk: Json, history: str, history_from: Any, seen: list[str]
) -> None:
    cid = api.user("cid")
    api.change(talk, ann, history=history)
    api.add(talk, ann, cid, **({} if history_from is None else {"history_from": history_from}))
    assert texts(api.messages(talk, f"user_id={cid['id']}")) == seen
    (synced,) = api.sync(cid)["conversations"]
    (listed,) = api.conversations(cid)
    assert texts(synced["messages"]) == texts(listed["messages"]) == seen
    assert (listed["last_message"] or {"message": None})["message"] == (seen[-1] if seen else None)
    assert listed["unread_count"] == 0
    api.send(talk, ann, "four")
    assert texts(api.messages(talk, f"user_id={cid['id']}")) == [*seen, "four"]
    (synced,) = api.sync(cid, {talk["id"]: synced["version"]})["conversations"]
    assert (texts(synced["messages"]), synced["recovered"], synced["unread_count"]) == (["four"], True, 1)


def test_nobody_gives_more_history_than_they_see(api: Api, ann: Json, talk: Json) -> None:
    cid, dan = api.users("cid", "dan")
    api.add(talk, ann, cid, role="admin", history_from="now")
    api.add(talk, cid, dan, history_from="all")
    assert api.messages(talk, f"user_id={dan['id']}") == []


def test_who_is_added_again_starts_anew(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    path = f"/conversations/{talk['id']}"
    api.give_role(talk, ann, bob, "admin")
    api.change(f"{path}/settings", bob, pinned=True, archived=True)
    api.change(f"{path}/participants/{bob['id']}", bob, custom={"x": 1})
    known = api.sync(bob)
    api.remove(talk, ann, bob)
    api.send(talk, ann, "while bob was away")
    added = api.add(talk, ann, bob, history_from="now")
    again = api.conversation_of(talk, bob)
    assert (again["pinned"], again["archived"], again["unread_count"]) == (False, False, 0)
    (member,) = (each for each in added["participants"] if each["id"] == bob["id"])
    assert (member["role"], member["custom"]) == ("member", {})
    (synced,) = api.sync(bob, {talk["id"]: known["conversations"][0]["version"]})["conversations"]
    assert (synced["recovered"], synced["messages"]) == (False, [])
    answer = api.request("POST", "/sync", {"user_id": bob["id"], "cursor": known["cursor"]})
    assert (answer["removed"], [each["recovered"] for each in answer["conversations"]]) == ([], [False])


def test_who_has_blocked_the_caller_is_left_out_and_only_the_answer_says_so(
    api: Api, ann: Json, bob: Json, sql: Sql
) -> None:
    cid, dan = api.users("cid", "dan")
    block(sql, cid, ann)
    made = api.conversation(ann, bob, cid)
    assert made["not_added"] == [cid["id"]]
    assert (made["member_count"], len(made["participants"])) == (2, 2)
    added = api.add(made, ann, cid, dan)
    assert (added["not_added"], added["member_count"]) == ([cid["id"]], 3)
    alone = api.add(made, ann, cid)
    assert (alone["not_added"], alone["version"]) == ([cid["id"]], added["version"])
    assert "not_added" not in api.conversation_of(made, ann)
    api.give_role(made, ann, bob, "admin")
    assert "not_added" not in api.add(made, bob, cid)  # whom cid has not blocked


# removed, leaving


def test_who_was_removed_does_not_see_it_any_more(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    known = api.sync(bob)
    removed = api.remove(talk, ann, bob)
    assert (removed["id"], removed["role"], removed["version"]) == (bob["id"], "member", talk["version"] + 1)
    assert api.conversation_of(talk, bob, 404)["code"] == "conversation_not_found"
    assert api.conversations(bob) == []
    assert api.sync(bob, {talk["id"]: 1})["removed"] == [talk["id"]]
    answer = api.request("POST", "/sync", {"user_id": bob["id"], "cursor": known["cursor"]})
    assert (answer["conversations"], answer["removed"]) == ([], [talk["id"]])
    assert api.conversation_of(talk, ann)["member_count"] == 1
    assert api.remove(talk, ann, bob, 404)["code"] == "user_not_found"


def test_the_owner_who_leaves_is_followed_by_the_longest_standing_admin_else_member(api: Api, ann: Json) -> None:
    bob, cid, dan = api.users("bob", "cid", "dan")
    group = api.conversation(ann, bob)
    api.add(group, ann, cid)
    api.add(group, ann, dan, role="admin")
    api.remove(group, ann, ann)
    assert roles(api, group, dan) == {"bob": "member", "cid": "member", "dan": "owner"}
    api.remove(group, dan, dan)
    assert roles(api, group, bob) == {"bob": "owner", "cid": "member"}
    assert api.conversation_of(group, bob)["owner_user_id"] == bob["id"]


def test_the_last_one_out_deletes(api: Api, ann: Json, bob: Json, talk: Json, sql: Sql) -> None:
    api.remove(talk, ann, ann)
    left = api.remove(talk, bob, bob)
    assert (left["role"], left["version"]) == ("owner", talk["version"] + 2)
    assert sql("select (select count(*) from conversations), (select count(*) from messages)") == [(0, 0)]
    assert api.sync(bob, {talk["id"]: 1})["removed"] == [talk["id"]]


# roles


def test_handing_over_makes_the_old_owner_an_admin(api: Api, ann: Json, bob: Json, talk: Json) -> None:
    given = api.give_role(talk, ann, bob, "owner")
    assert (given["id"], given["role"], given["version"]) == (bob["id"], "owner", talk["version"] + 1)
    assert roles(api, talk, ann) == {"ann": "admin", "bob": "owner"}
    again = api.give_role(talk, bob, bob, "owner")
    assert again["version"] == given["version"]  # nothing has changed
    api.give_role(talk, bob, ann, "member")
    assert roles(api, talk, ann) == {"ann": "member", "bob": "owner"}


def test_a_members_custom_is_merged(api: Api, ann: Json, bob: Json, talk: Json, client: FlaskClient) -> None:
    path = f"/conversations/{talk['id']}/participants/{bob['id']}"
    assert api.change(path, bob, custom={"a": 1, "b": {"c": 2, "d": 3}})["custom"] == {"a": 1, "b": {"c": 2, "d": 3}}
    changed = api.change(path, ann, custom={"a": None, "b": {"c": None, "e": 4}})
    assert changed["custom"] == {"b": {"d": 3, "e": 4}}
    assert api.change(path, ann, custom={"a": None})["version"] == changed["version"]
    for _ in range(2):
        body = {"user_id": bob["id"], "custom": {"x": "y" * 4000}}
        client.patch(path, json=body)
        refused = client.patch(path, json={"user_id": bob["id"], "custom": {"z": "y" * 200}})
        assert "custom" in problem(refused, 422, "validation_failed")["errors"]


# listed


def test_members_are_listed_in_pages_the_longest_standing_first(
    api: Api, client: FlaskClient, ann: Json, sql: Sql
) -> None:
    group = api.conversation(ann, *api.users(*(f"before {number}" for number in range(3))))
    sql("update user_conversation set joined_at = null where user_id <> %s", ann["id"])  # of before there was a time
    for number in range(3):
        api.add(group, ann, api.user(f"added {number}"))
    for limit in (1, 2, 3, 6, 7):
        path = f"/conversations/{group['id']}/participants?user_id={ann['id']}&limit={limit}"
        listed = list(pages(client, path, "next"))
        assert [len(page) for page in listed[:-1]] == [limit] * (len(listed) - 1)
        everybody = [each for page in listed for each in page]
        assert [each["username"] for each in everybody[3:]] == ["ann", "added 0", "added 1", "added 2"]
        shown = api.conversation_of(group, ann)["participants"]
        assert sorted(everybody, key=lambda each: str(each["username"])) == shown
