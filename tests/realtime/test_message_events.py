"""What members hear of messages that change, over real sockets."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chat.realtime.bursts import MOST
from tests.support.client import Api
from tests.support.server import Device, Server

Json = dict[str, Any]
Connect = Callable[..., Device]


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Server:
    return shared_server


@pytest.fixture
def api(server: Server) -> Api:
    return Api(server)


@pytest.fixture
def pair(api: Api) -> tuple[Json, Json, Json]:
    """Two users and their conversation."""
    ann, bob = api.users("ann", "bob")
    return ann, bob, api.conversation(ann, bob)


def without_me(message: Json) -> Json:
    reactions = [{name: each[name] for name in ("emoji", "count", "user_ids")} for each in message["reactions"]]
    return message | {"reactions": reactions}


def test_every_member_hears_each_change_but_the_socket_that_acts(
    server: Server, api: Api, connect: Connect, pair: tuple[Json, Json, Json]
) -> None:
    ann, bob, conversation = pair
    acting, own, other = connect(server, ann), connect(server, ann), connect(server, bob)
    path = f"/messages/{acting.call('sendMessage', {'conversation_id': conversation['id'], 'message': 'one'})['id']}"
    for device in (own, other):
        device.hear("message")
    named, me = {"X_Socket_ID": acting.sid}, {"user_id": ann["id"]}
    as_ann = f"user_id={ann['id']}"
    edited = api.request("PATCH", path, {**me, "message": "two", "custom": {"a": 1}}, **named)
    reacted = api.request("PUT", f"{path}/reactions/👍", me, **named)
    pinned = api.request("PUT", f"{path}/pin", me, **named)
    taken_back = api.request("DELETE", f"{path}/reactions/👍?{as_ann}", **named)
    deleted = api.request("DELETE", f"{path}?{as_ann}", **named)
    reaction = {
        "message_id": edited["id"],
        "conversation_id": conversation["id"],
        "seq": 1,
        "emoji": "👍",
        "user_id": ann["id"],
    }
    told = [
        ("messageUpdated", edited),
        ("reaction", reaction | {"version": reacted["version"], "added": True, "count": 1}),
        ("messageUpdated", without_me(pinned)),
        ("reaction", reaction | {"version": taken_back["version"], "added": False, "count": 0}),
        (
            "messageDeleted",
            {name: deleted[name] for name in ("id", "conversation_id", "seq", "version", "deleted_at", "thread")},
        ),
    ]
    for device in (own, other):
        assert device.heard_so_far() == told
    assert acting.heard_so_far() == []


def test_a_caller_that_names_no_socket_hears_it_too(
    server: Server, api: Api, connect: Connect, pair: tuple[Json, Json, Json]
) -> None:
    ann, _, conversation = pair
    device = connect(server, ann)
    message = api.send(conversation, ann)["id"]
    api.request("PATCH", f"/messages/{message}", {"user_id": ann["id"], "message": "two"})
    assert [event for event, _ in device.heard_so_far()] == ["messageUpdated"]


def test_what_changes_nothing_is_not_announced(
    server: Server, api: Api, connect: Connect, pair: tuple[Json, Json, Json]
) -> None:
    ann, bob, conversation = pair
    message = f"/messages/{api.send(conversation, ann, 'one')['id']}"
    device = connect(server, bob)
    api.request("PATCH", message, {"user_id": ann["id"], "message": "one"})
    api.request("DELETE", f"{message}/reactions/👍?user_id={ann['id']}")
    api.request("DELETE", f"{message}/pin?user_id={ann['id']}")
    assert device.heard_so_far() == []


def test_a_send_over_the_socket_takes_what_http_takes(
    server: Server, api: Api, connect: Connect, pair: tuple[Json, Json, Json]
) -> None:
    ann, bob, conversation = pair
    device = connect(server, ann)
    root = api.send(conversation, bob, "root")["id"]
    sent = device.call(
        "sendMessage",
        {
            "conversation_id": conversation["id"],
            "message": "reply",
            "reply_to": root,
            "thread_id": root,
            "mentions": [bob["id"]],
            "custom": {"a": 1},
        },
    )
    assert (sent["quote"]["message"], sent["thread"]["reply_count"]) == ("root", 1)
    assert (sent["mentions"], sent["custom"]) == ([bob["id"]], {"a": 1})


def test_a_burst_of_reactions_is_a_few_events_without_a_gap(
    server: Server, api: Api, connect: Connect, pair: tuple[Json, Json, Json]
) -> None:
    ann, bob, conversation = pair
    device = connect(server, bob)
    message = api.send(conversation, ann)
    emoji = [f":{number}:" for number in range(20)]

    def react(name: str) -> None:
        for user in (ann, bob):
            api.request("PUT", f"/messages/{message['id']}/reactions/{name}", {"user_id": user["id"]})

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(react, emoji))
    last = message["version"] + 2 * len(emoji)
    known, kinds, whole = device.hear("message")["version"], [], None
    while known < last:
        event, data = device.heard.get(timeout=10)
        kinds.append(event)
        if event == "messageUpdated":
            whole = data
        assert data.get("from_version", data["version"]) == known + 1
        known = data["version"]
    assert MOST <= len(kinds) < 2 * len(emoji)
    if whole and whole["version"] == last:
        now = api.request("GET", f"/messages/{message['id']}?user_id={ann['id']}")
        assert whole == without_me(now) | {"from_version": whole["from_version"]}


def test_who_came_later_hears_a_number_and_no_quote(
    make_server: Callable[..., Server], database_url: str, sql: Callable[..., list[Any]], connect: Connect
) -> None:
    server = make_server(DATABASE_URL=database_url)
    api = Api(server)
    ann, bob, cid = api.users("ann", "bob", "cid")
    conversation = api.conversation(ann, bob, cid)
    before = api.send(conversation, ann, "before")["id"]
    path, me = f"/conversations/{conversation['id']}/messages/create", {"user_id": ann["id"]}
    answer = api.request("POST", path, {**me, "message": "reply", "reply_to": before, "thread_id": before})["id"]
    sql("update user_conversation set history_from = 2 where user_id = %s", bob["id"])
    version = sql("select (chat_next_version(%s, 0, true)).version", conversation["id"])[0][0]
    late, other = connect(server, bob), connect(server, cid)
    api.request("PATCH", f"/messages/{before}", {**me, "message": "edited"})
    api.request("PUT", f"/messages/{before}/reactions/👍", me)
    api.request("PUT", f"/messages/{answer}/pin", me)
    api.request("DELETE", f"/messages/{answer}?user_id={ann['id']}")
    (first, second, pinned, deleted), heard = late.heard_so_far(), other.heard_so_far()
    number = {"conversation_id": conversation["id"], "version": version + 1}
    assert (first, second) == (("version", number), ("version", number | {"version": version + 2}))
    hidden = {"reply_to": None, "quote": None, "thread_id": None}
    assert pinned == ("messageUpdated", heard[2][1] | hidden)
    assert deleted == ("messageDeleted", heard[3][1] | {"thread": None})
    assert heard[2][1]["quote"]["message"] == "edited"
    assert heard[3][1]["thread"]["reply_count"] == 0
