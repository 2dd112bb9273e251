"""The tutorial's own requests, sent as its Postman collection and its app send them, answered as it describes."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from chat.schemas.users import UserSchema
from tests.support.answers import problem
from tests.support.client import Api

UNKNOWN = "00000000-0000-4000-8000-000000000000"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")

USER = {"id", "username", "created_at"}
CONVERSATION = {"id", "name", "owner_user_id", "created_at"}
LISTED_MESSAGE = {"id", "conversation_id", "message", "created_at", "users"}

#: How Postman sends a body: raw JSON, or x-www-form-urlencoded.
Post = Callable[..., Any]


@pytest.fixture(params=["json", "form"])
def post(request: pytest.FixtureRequest, client: FlaskClient) -> Post:
    def post(path: str, **body: Any) -> Any:
        response = client.post(path, json=body) if request.param == "json" else client.post(path, data=body)
        assert response.status_code == 200, response.text
        assert response.content_type == "application/json"
        return response.json

    return post


def get(client: FlaskClient, path: str, **query: str) -> Any:
    response = client.get(path, query_string=query)
    assert response.status_code == 200, response.text
    assert response.content_type == "application/json"
    return response.json


def as_users(participants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return participants without what they are in the conversation."""
    return [{name: each[name] for name in UserSchema().fields} for each in participants]


def has_ids_and_times(value: Any) -> None:
    """Make sure that every id is a lower-case UUID and every time has six digits and an offset."""
    if isinstance(value, list):
        for each in value:
            has_ids_and_times(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == "id" or name in ("user_id", "conversation_id", "owner_user_id"):
                assert UUID.fullmatch(each)
            elif name == "created_at":
                assert TIME.fullmatch(each)
            else:
                has_ids_and_times(each)


def test_every_request_of_the_tutorial(client: FlaskClient, post: Post) -> None:
    # step 6: users
    ann = post("/users/create", username="ann")
    bob = post("/users/create", username="bob")
    assert ann.keys() >= USER
    assert ann["username"] == "ann"
    found = get(client, "/users/search", user_id=ann["id"], q="b")
    assert found == get(client, "/users/search", user_id=ann["id"]) == [bob]

    # step 7: conversations
    conversation = post("/conversations/create", owner_id=ann["id"], participant_ids=[bob["id"]], group_name="a group")
    assert conversation.keys() >= CONVERSATION | {"participants"}
    assert (conversation["name"], conversation["owner_user_id"]) == ("a group", ann["id"])
    assert as_users(conversation["participants"]) == [ann, bob]
    listed = get(client, "/conversations", user_id=bob["id"])
    assert [each["id"] for each in listed] == [conversation["id"]]
    assert listed[0]["messages"] == []

    # step 8: messages
    messages = f"/conversations/{conversation['id']}/messages"
    assert get(client, messages) == []
    first = post(f"{messages}/create", user_id=ann["id"], message="hello bob")
    assert first.keys() >= LISTED_MESSAGE | {"user_id", "conversations"}
    assert (first["message"], first["user_id"], first["conversation_id"]) == (
        "hello bob",
        ann["id"],
        conversation["id"],
    )
    assert first["users"] == {"id": ann["id"], "username": "ann", "avatar_url": None}
    assert first["conversations"].keys() >= CONVERSATION
    assert {name: first["conversations"][name] for name in CONVERSATION} == {
        name: conversation[name] for name in CONVERSATION
    }
    second = post(f"{messages}/create", user_id=bob["id"], message="hello ann")

    everything = get(client, messages)
    assert [message["message"] for message in everything] == ["hello bob", "hello ann"]
    assert all(message.keys() >= LISTED_MESSAGE for message in everything)
    assert everything[0]["users"] == {"id": ann["id"], "username": "ann", "avatar_url": None}
    assert get(client, messages, last_message_date=first["created_at"]) == everything[1:]
    assert get(client, messages, last_message_date=second["created_at"]) == []
    listed = get(client, "/conversations", user_id=ann["id"])
    assert listed[0].keys() >= CONVERSATION | {"messages"}
    assert listed[0]["messages"] == everything

    has_ids_and_times([ann, found, conversation, listed, first, everything])


def test_the_front_page_is_html(client: FlaskClient) -> None:
    with client.get("/") as response:
        assert response.status_code == 200
        assert response.mimetype == "text/html"


def test_a_form_names_many_participants_by_repeating_the_field(client: FlaskClient, api: Api) -> None:
    ann, bob, cid = api.users("ann", "bob", "cid")
    form = {"owner_id": ann["id"], "participant_ids": [bob["id"], cid["id"]], "group_name": "three"}
    assert as_users(client.post("/conversations/create", data=form).json["participants"]) == [ann, bob, cid]


def test_unknown_fields_are_ignored(post: Post) -> None:
    user = post("/users/create", username="ann", id=UNKNOWN, created_at="1970-01-01", admin="true")
    assert user["id"] != UNKNOWN
    assert not user["created_at"].startswith("1970")
    assert "admin" not in user


def test_times_are_written_alike_whether_or_not_they_have_microseconds(api: Api, sql: Callable[..., list[Any]]) -> None:
    ann = api.user("ann")
    conversation = api.conversation(ann)
    for _ in range(2):
        api.send(conversation, ann)
    sql("set time zone 'Asia/Kolkata'")
    sql("update messages set created_at = timestamptz '2026-11-22 21:24:02+00' where seq = 1")
    sql("update messages set created_at = timestamptz '2026-11-22 21:24:02.5+00' where seq = 2")
    assert [message["created_at"] for message in api.messages(conversation)] == [
        "2026-11-22T21:24:02.000000+00:00",
        "2026-11-22T21:24:02.500000+00:00",
    ]


# last_message_date


@pytest.fixture
def three(api: Api) -> list[dict[str, Any]]:
    """A conversation's three messages."""
    ann = api.user("ann")
    conversation = api.conversation(ann)
    for text in ("one", "two", "three"):
        api.send(conversation, ann, text)
    return api.messages(conversation)


def after(client: FlaskClient, messages: list[dict[str, Any]], date: str) -> list[str]:
    """Return the texts of the messages after `date`, which goes into the address as it is."""
    response = client.get(f"/conversations/{messages[0]['conversation_id']}/messages?last_message_date={date}")
    assert response.status_code == 200, response.text
    return [message["message"] for message in response.json]


def test_only_messages_strictly_after_the_date_come_in_whatever_form_it_is(
    client: FlaskClient, three: list[dict[str, Any]], subtests: pytest.Subtests
) -> None:
    second = datetime.fromisoformat(three[1]["created_at"])
    written = second.strftime("%Y-%m-%dT%H:%M:%S.%f")
    elsewhere = second.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat()
    forms = {
        "offset": quote(f"{written}+00:00"),
        "Z": f"{written}Z",
        "none": written,
        "a plus that was not escaped": f"{written}+00:00",
        "a blank that was a plus": f"{written}%2000:00",
        "another offset": quote(elsewhere),
        "another offset, not escaped": elsewhere,
        "a blank for the T": quote(f"{written}+00:00".replace("T", " ")),
        "a blank for the T, no offset": quote(written.replace("T", " ")),
    }
    for name, form in forms.items():
        with subtests.test(form=name):
            assert after(client, three, form) == ["three"]


def test_a_date_may_be_coarse(
    client: FlaskClient, three: list[dict[str, Any]], sql: Callable[..., list[Any]], subtests: pytest.Subtests
) -> None:
    sql("update messages set created_at = timestamptz '2026-11-22 21:24:00Z' + seq * interval '1 minute'")
    forms = [
        "2026-11-22T21:25",
        "2026-11-22T21:25:00",
        "2026-11-22 21:25",
        "2026-11-22T21:25Z",
        "2026-11-22T21:25:00.0Z",
    ]
    for form in [*forms, "2026-11-22T21:25 00:00", "2026-11-22 21:25 00:00", "20261122T212500Z"]:
        with subtests.test(form=form):
            assert after(client, three, quote(form)) == ["two", "three"]
    assert after(client, three, "2026-11-22") == ["one", "two", "three"]
    assert after(client, three, "2026-11-23") == []


def test_an_empty_date_is_no_date(client: FlaskClient, three: list[dict[str, Any]]) -> None:
    # What an app sends that has no message yet; the tutorial asked `if (last_message_date)`.
    assert after(client, three, "") == ["one", "two", "three"]


def test_dates_far_away_are_dates(client: FlaskClient, three: list[dict[str, Any]]) -> None:
    assert after(client, three, "0001-01-01T00:00:00Z") == ["one", "two", "three"]
    assert after(client, three, "9999-12-31T23:59:59Z") == []


def test_polling_with_the_last_date_gets_each_message_once(client: FlaskClient, api: Api) -> None:
    ann = api.user("ann")
    conversation = api.conversation(ann)
    got: list[dict[str, Any]] = []
    for number in range(10):
        api.send(conversation, ann, str(number))
        query = {"last_message_date": got[-1]["created_at"]} if got else {}
        got += get(client, f"/conversations/{conversation['id']}/messages", **query)
    assert [message["message"] for message in got] == [str(number) for number in range(10)]


# Where the tutorial's server was wrong, ours is right. Its sixth point, several devices, is shown where sockets are.


def test_1_one_participant_is_attached_like_many(api: Api) -> None:
    ann, bob, cid = api.users("ann", "bob", "cid")
    assert as_users(api.conversation(ann, bob)["participants"]) == [ann, bob]
    assert as_users(api.conversation(ann, bob, cid)["participants"]) == [ann, bob, cid]
    assert len(api.conversations(bob)) == 2


def test_2_the_owner_is_a_member_and_every_member_sees_the_conversation(api: Api) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    api.send(conversation, ann)
    for member in (ann, bob):
        assert [each["id"] for each in api.conversations(member)] == [conversation["id"]]


def test_3_an_unknown_user_or_conversation_is_404_and_nothing_is_created(
    api: Api, client: FlaskClient, sql: Callable[..., list[Any]]
) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    create, send = "/conversations/create", f"/conversations/{conversation['id']}/messages/create"
    nowhere = f"/conversations/{UNKNOWN}/messages"
    refused = [
        (client.post(create, json={"owner_id": UNKNOWN, "participant_ids": [ann["id"]], "group_name": "g"}), "user"),
        (client.post(create, json={"owner_id": ann["id"], "participant_ids": [UNKNOWN], "group_name": "g"}), "user"),
        (client.post(send, json={"user_id": UNKNOWN, "message": "m"}), "user"),
        (client.post(f"{nowhere}/create", json={"user_id": ann["id"], "message": "m"}), "conversation"),
        (client.get(nowhere), "conversation"),
        (client.get(f"/conversations?user_id={UNKNOWN}"), "user"),
        (client.get(f"/users/search?user_id={UNKNOWN}"), "user"),
    ]
    for response, noun in refused:
        problem(response, 404, f"{noun}_not_found")
    tables = ("users", "conversations", "user_conversation", "messages")
    assert [sql(f"select count(*) from {table}")[0][0] for table in tables] == [2, 1, 2, 0]
    assert client.get("/health").status_code == 200


def test_4_a_listed_conversation_carries_its_newest_ten_messages_oldest_first(api: Api) -> None:
    ann = api.user("ann")
    conversation = api.conversation(ann)
    for number in range(11):
        api.send(conversation, ann, str(number))
    (listed,) = api.conversations(ann)
    assert [message["message"] for message in listed["messages"]] == [str(number) for number in range(1, 11)]


def test_5_a_conversation_that_fails_half_way_leaves_nothing(
    api: Api, client: FlaskClient, sql: Callable[..., list[Any]]
) -> None:
    ann, bob = api.users("ann", "bob")
    sql("create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$")
    sql("create trigger refuse before insert on user_conversation execute function refuse()")
    body = {"owner_id": ann["id"], "participant_ids": [bob["id"]], "group_name": "g"}
    problem(client.post("/conversations/create", json=body), 500, "internal_error")
    assert sql("select count(*) from conversations") == [(0,)]


def test_5_participants_are_all_members_the_owner_among_them(api: Api) -> None:
    ann, bob = api.users("ann", "bob")
    created = api.conversation(ann, bob)
    (listed,) = api.conversations(bob)
    assert created["participants"] == listed["participants"]
    assert as_users(created["participants"]) == [ann, bob]


def test_7_only_a_member_may_send(api: Api, client: FlaskClient) -> None:
    ann, eve = api.users("ann", "eve")
    conversation = api.conversation(ann)
    body = {"user_id": eve["id"], "message": "let me in"}
    problem(
        client.post(f"/conversations/{conversation['id']}/messages/create", json=body), 404, "conversation_not_found"
    )
    assert api.messages(conversation) == []
