"""Conversations: opened, listed, paged."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.answers import link, pages, problem
from tests.support.client import Api

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def ids(objects: list[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in objects]


def cursor_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


# opened


def test_one_participant_is_attached_like_many(api: Api) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    assert ids(conversation["participants"]) == [ann["id"], bob["id"]]
    assert conversation["owner_user_id"] == ann["id"]
    assert ids(api.conversations(bob)) == [conversation["id"]]


def test_repeated_participants_and_the_listed_owner_are_one_member_each(api: Api) -> None:
    ann, bob = api.users("ann", "bob")
    loud = {**bob, "id": bob["id"].upper()}
    assert ids(api.conversation(ann, bob, ann, bob, loud)["participants"]) == [ann["id"], bob["id"]]


def test_an_owner_may_be_alone(api: Api) -> None:
    ann = api.user("ann")
    assert ids(api.conversation(ann)["participants"]) == [ann["id"]]


def test_a_conversation_starts_without_messages_at_version_1(api: Api) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    assert (conversation["version"], conversation["last_seq"]) == (1, 0)


def test_a_thousand_participants_are_attached_and_one_more_refused(
    api: Api, client: FlaskClient, sql: Callable[..., list[Any]]
) -> None:
    ann = api.user("ann")
    rows = sql("insert into users (username) select 'user ' || n from generate_series(1, 1001) as n returning id")
    others = [{"id": str(row[0])} for row in rows]
    made = api.conversation(ann, *others[:1000])
    assert (made["member_count"], len(made["participants"])) == (1001, 100)
    body = {"owner_id": ann["id"], "group_name": "g", "participant_ids": ids(others)}
    assert (
        "participant_ids"
        in problem(client.post("/conversations/create", json=body), 422, "validation_failed")["errors"]
    )


def test_an_unknown_user_is_404_and_nothing_is_created(
    api: Api, client: FlaskClient, sql: Callable[..., list[Any]]
) -> None:
    ann, bob = api.users("ann", "bob")
    for owner, participants in ((UNKNOWN, [bob["id"]]), (ann["id"], [bob["id"], UNKNOWN]), (ann["id"], [UNKNOWN])):
        body = {"owner_id": owner, "participant_ids": participants, "group_name": "a group"}
        problem(client.post("/conversations/create", json=body), 404, "user_not_found")
    assert sql("select (select count(*) from conversations), (select count(*) from user_conversation)") == [(0, 0)]


# listed


def test_the_most_recently_active_comes_first(api: Api) -> None:
    ann, bob = api.users("ann", "bob")
    first, second, third = (api.conversation(ann, bob) for _ in range(3))
    assert ids(api.conversations(ann)) == ids([third, second, first])
    api.send(first, bob)
    api.send(second, ann)
    assert ids(api.conversations(ann)) == ids(api.conversations(bob)) == ids([second, first, third])


def test_only_members_have_the_conversation_in_their_list(api: Api) -> None:
    ann, bob, eve = api.users("ann", "bob", "eve")
    api.conversation(ann, bob)
    assert api.conversations(eve) == []


def test_participants_are_all_members_also_in_the_list(api: Api) -> None:
    ann, bob, cid = api.users("ann", "bob", "cid")
    created = api.conversation(cid, bob, ann)
    (listed,) = api.conversations(bob)
    assert ids(created["participants"]) == ids([ann, bob, cid])
    assert listed["participants"] == created["participants"]
    assert created.items() <= listed.items()


def test_the_newest_ten_messages_come_along_oldest_first(api: Api) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    for number in range(12):
        api.send(conversation, ann, str(number))
    (listed,) = api.conversations(bob)
    assert [message["message"] for message in listed["messages"]] == [str(number) for number in range(2, 12)]
    assert listed["messages"] == api.messages(conversation)[2:]


def test_message_limit_says_how_many_come_along(api: Api) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    for text in ("1", "2", "3"):
        api.send(conversation, ann, text)
    api.conversation(ann)  # one without messages
    for limit, expected in ((0, []), (1, ["3"]), (2, ["2", "3"]), (100, ["1", "2", "3"])):
        empty, listed = api.conversations(ann, f"message_limit={limit}")
        assert [message["message"] for message in listed["messages"]] == expected
        assert empty["messages"] == []


def test_the_list_counts_what_the_caller_has_not_read(api: Api) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    for _ in range(2):
        api.send(conversation, ann)
    assert [each["unread_count"] for each in api.conversations(ann) + api.conversations(bob)] == [0, 2]


# paged


def test_the_links_lead_to_each_conversation_once(api: Api, client: FlaskClient, subtests: pytest.Subtests) -> None:
    ann, bob = api.users("ann", "bob")
    opened = [api.conversation(ann, bob) for _ in range(5)]
    api.send(opened[1], bob)
    for limit, sizes in ((1, [1] * 5), (2, [2, 2, 1]), (4, [4, 1]), (5, [5]), (100, [5])):
        with subtests.test(limit=limit):
            listed = list(pages(client, f"/conversations?user_id={ann['id']}&limit={limit}&message_limit=0", "next"))
            assert [len(page) for page in listed] == sizes
            everything = [each for page in listed for each in page]
            assert ids(everything) == ids([opened[1], opened[4], opened[3], opened[2], opened[0]])
            assert all(each["messages"] == [] for each in everything)  # the links carry message_limit on


def test_conversations_that_were_active_in_the_same_moment_are_paged_too(
    api: Api, client: FlaskClient, sql: Callable[..., list[Any]]
) -> None:
    ann = api.user("ann")
    opened = [api.conversation(ann) for _ in range(5)]
    sql("update conversations set last_activity_at = now()")
    listed = [each for page in pages(client, f"/conversations?user_id={ann['id']}&limit=2", "next") for each in page]
    assert sorted(ids(listed)) == sorted(ids(opened))


def test_fifty_come_without_a_limit(api: Api, client: FlaskClient, sql: Callable[..., list[Any]]) -> None:
    ann = api.user("ann")
    sql("insert into conversations (name, owner_user_id) select 'many', %s from generate_series(1, 51)", ann["id"])
    sql("insert into user_conversation (user_id, conversation_id) select owner_user_id, id from conversations")
    assert [len(page) for page in pages(client, f"/conversations?user_id={ann['id']}", "next")] == [50, 1]


def test_a_list_without_conversations_has_no_next(api: Api, client: FlaskClient) -> None:
    response = client.get(f"/conversations?user_id={api.user()['id']}&limit=1")
    assert response.json == []
    assert link(response, "next") is None


FORGED = [
    "",
    "x",
    "!!!!",
    "é",
    "\0",
    "%",
    "a" * 100_000,
    cursor_of("nonsense"),
    cursor_of(f" {UNKNOWN}"),
    cursor_of(f"2026-01-01T00:00:00+00:00 {UNKNOWN} more"),
    cursor_of("2026-01-01T00:00:00+00:00 no-uuid"),
    cursor_of(f"infinity {UNKNOWN}"),
    cursor_of(f"0001-01-01T00:00:00+23:00 {UNKNOWN}"),
    base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode(),
]


def test_a_cursor_that_this_server_did_not_make_is_refused(
    api: Api, client: FlaskClient, subtests: pytest.Subtests
) -> None:
    ann = api.user("ann")
    for cursor in FORGED:
        with subtests.test(cursor=cursor[:80]):
            response = client.get("/conversations", query_string={"user_id": ann["id"], "before": cursor})
            assert "before" in problem(response, 422, "validation_failed")["errors"]


def test_a_cursor_opens_no_other_users_list(api: Api, client: FlaskClient) -> None:
    ann, eve = api.users("ann", "eve")
    for _ in range(2):
        api.conversation(ann)
    following = link(client.get(f"/conversations?user_id={ann['id']}&limit=1"), "next")
    assert following is not None
    assert client.get(following.replace(ann["id"], eve["id"])).json == []
