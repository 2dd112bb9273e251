"""Who hears what: `message` and `newConversation` on the sockets of the real server."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.client import Api
from tests.support.raw import RawPolling, RawWebSocket
from tests.support.server import Device, Server

Connect = Callable[..., Device]


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Server:
    return shared_server


@pytest.fixture
def api(server: Server) -> Api:
    return Api(server)


# messages


def test_message_reaches_every_device_of_every_other_member(server: Server, api: Api, connect: Connect) -> None:
    ann, bob, cyd, eve = api.users("ann", "bob", "cyd", "eve")
    conversation = api.conversation(ann, bob, cyd)
    own, phone, laptop, other, stranger = (connect(server, user) for user in (ann, bob, bob, cyd, eve))
    unnamed = connect(server)
    sent = api.send(conversation, ann, "hello 👋")
    for device in (phone, laptop, other):
        assert device.heard_so_far() == [("message", sent)]
    for device in (own, stranger, unnamed):
        assert device.heard_so_far() == []


def test_message_to_oneself_is_heard_by_nobody(server: Server, api: Api, connect: Connect) -> None:
    ann = api.user("ann")
    device = connect(server, ann)
    api.send(api.conversation(ann), ann)
    assert device.heard_so_far() == []


def test_socket_that_names_itself_is_skipped_alone(server: Server, api: Api, connect: Connect) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    sending, own, other = connect(server, ann), connect(server, ann), connect(server, bob)
    sent = api.send(conversation, ann, X_Socket_ID=sending.sid)
    assert sending.heard_so_far() == []
    assert own.heard_so_far() == other.heard_so_far() == [("message", sent)]


@pytest.mark.parametrize("whose", ["another user's", "gone", "not joined", "none at all"])
def test_socket_of_nobody_or_of_somebody_else_counts_as_not_named(
    server: Server, api: Api, connect: Connect, whose: str
) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    own, other, third = connect(server, ann), connect(server, bob), connect(server)
    sid = {"another user's": other.sid, "gone": third.sid, "not joined": third.sid, "none at all": "x" * 300}[whose]
    if whose == "gone":
        third.close()
    sent = api.send(conversation, ann, X_Socket_ID=sid)
    assert other.heard_so_far() == [("message", sent)]
    assert own.heard_so_far() == []


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
def test_events_arrive_in_order_over_each_transport(
    server: Server, api: Api, connect: Connect, transports: list[str]
) -> None:
    ann, bob = api.users("ann", "bob")
    device = connect(server, bob, transports=transports)
    conversation = api.conversation(ann, bob)
    sent = [api.send(conversation, ann, f"number {n}") for n in range(50)]
    assert device.hear("newConversation") == conversation
    assert [device.hear("message") for _ in sent] == sent


def test_event_leaves_after_its_commit(server: Server, api: Api, connect: Connect) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    device = connect(server, bob)
    sender = threading.Thread(target=lambda: [api.send(conversation, ann) for _ in range(20)])
    sender.start()
    for _ in range(20):
        heard = device.hear("message")
        stored = api.messages(conversation, f"after_seq={heard['seq'] - 1}&limit=1")
        assert [message["id"] for message in stored] == [heard["id"]]
    sender.join()


def test_events_of_sends_at_once_leave_in_the_order_of_the_messages(server: Server, api: Api, connect: Connect) -> None:
    users = api.users("ann", "bob", "cyd", "dan")
    listener = api.user("eve")
    conversation = api.conversation(*users, listener)
    device = connect(server, listener)
    threads = [
        threading.Thread(target=lambda user=user: [api.send(conversation, user) for _ in range(10)]) for user in users
    ]
    for thread in threads:
        thread.start()
    heard = [device.hear("message") for _ in range(40)]
    for thread in threads:
        thread.join()
    assert [message["seq"] for message in heard] == list(range(1, 41))


# conversations


def test_new_conversation_reaches_the_listed_and_not_the_owner(server: Server, api: Api, connect: Connect) -> None:
    ann, bob, cyd, eve = api.users("ann", "bob", "cyd", "eve")
    own, phone, laptop, other, stranger = (connect(server, user) for user in (ann, bob, bob, cyd, eve))
    created = api.conversation(ann, bob, cyd)
    for device in (phone, laptop, other):
        assert device.heard_so_far() == [("newConversation", created)]
    for device in (own, stranger):
        assert device.heard_so_far() == []


def test_owner_who_is_listed_hears_of_the_new_conversation(server: Server, api: Api, connect: Connect) -> None:
    ann, bob = api.users("ann", "bob")
    own, other = connect(server, ann), connect(server, bob)
    created = api.conversation(ann, ann, bob)
    assert own.heard_so_far() == other.heard_so_far() == [("newConversation", created)]


def test_owners_other_devices_hear_when_the_socket_names_itself(server: Server, api: Api, connect: Connect) -> None:
    ann, bob = api.users("ann", "bob")
    asking, own, other = connect(server, ann), connect(server, ann), connect(server, bob)
    created = api.conversation(ann, bob, X_Socket_ID=asking.sid)
    assert asking.heard_so_far() == []
    assert own.heard_so_far() == other.heard_so_far() == [("newConversation", created)]


def test_what_fails_is_not_told(server: Server, api: Api, connect: Connect) -> None:
    ann, bob, eve = api.users("ann", "bob", "eve")
    conversation = api.conversation(ann, bob)
    device = connect(server, bob)
    path = f"/conversations/{conversation['id']}/messages/create"
    api.request("POST", path, {"user_id": eve["id"], "message": "let me in"}, 404)
    api.request("POST", path, {"user_id": ann["id"], "message": ""}, 422)
    nobody = {"id": "00000000-0000-4000-8000-000000000000"}
    body = {"owner_id": ann["id"], "participant_ids": [bob["id"], nobody["id"]], "group_name": "g"}
    api.request("POST", "/conversations/create", body, 404)
    assert device.heard_so_far() == []


# sessions


def test_joining_as_another_user_moves_the_session(server: Server, api: Api, connect: Connect) -> None:
    ann, bob, cyd = api.users("ann", "bob", "cyd")
    with_bob, with_cyd = api.conversation(ann, bob), api.conversation(ann, cyd)
    device = connect(server, bob)
    device.join(cyd)
    api.send(with_bob, ann)
    sent = api.send(with_cyd, ann)
    assert device.heard_so_far() == [("message", sent)]
    assert device.call("sendMessage", {"conversation_id": with_cyd["id"], "message": "me"})["user_id"] == cyd["id"]


def test_joining_twice_is_joining_once(server: Server, api: Api, connect: Connect) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    device = connect(server, bob)
    device.join(bob)
    sent = api.send(conversation, ann)
    assert device.heard_so_far() == [("message", sent)]


def test_joining_as_nobody_known_keeps_the_session_as_it_was(server: Server, api: Api, connect: Connect) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    device = connect(server, bob)
    answer = device.call("join", {"id": "00000000-0000-4000-8000-000000000000"})
    assert answer["error"]["code"] == "user_not_found"
    sent = api.send(conversation, ann)
    assert device.heard_so_far() == [("message", sent)]


@pytest.mark.parametrize("how", ["close", "reset", "nonsense"])
def test_disconnect_leaves_nothing_behind(make_server: Callable[..., Server], connect: Connect, how: str) -> None:
    server = make_server(MAX_SESSIONS_PER_USER="2")
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    staying = connect(server, bob)
    for _ in range(6):
        leaving = joined_soon(server, bob)
        with RawWebSocket(server) as extra:
            assert extra.call("join", {"id": bob["id"]})["error"]["code"] == "too_many_sessions"
        match how:
            case "close":
                leaving.close()
            case "reset":
                leaving.reset()
            case "nonsense":
                leaving.send("x")
                leaving.close()
    sent = api.send(api.conversation(ann, bob), ann)
    assert staying.hear("message") == sent
    assert "Traceback" not in server.log.read_text()


def joined_soon(server: Server, user: dict[str, Any]) -> RawWebSocket:
    """Connect and join; the server may only be noticing that the user's last socket has gone."""
    joining = RawWebSocket(server)
    deadline = time.monotonic() + 10
    while "error" in joining.call("join", {"id": user["id"]}):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return joining


def test_session_that_moves_away_makes_room(make_server: Callable[..., Server], connect: Connect) -> None:
    server = make_server(MAX_SESSIONS_PER_USER="1")
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    device = connect(server, ann)
    device.join(ann)
    device.join(bob)
    connect(server, ann)
    assert device.join(ann)["error"]["code"] == "too_many_sessions"
    sent = api.send(api.conversation(ann, bob), ann)
    assert device.hear("message") == sent


def test_broken_sockets_never_fail_a_write_nor_keep_others_from_hearing(
    server: Server, api: Api, connect: Connect
) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    broken = [RawWebSocket(server) for _ in range(5)]
    for each in broken:
        each.call("join", {"id": bob["id"]})
    silent = RawPolling(server)  # joins, and never asks for its events
    silent.call("join", {"id": bob["id"]})
    healthy = connect(server, bob)
    for each in broken:
        each.reset()
    sent = [api.send(conversation, ann) for _ in range(20)]
    assert [healthy.hear("message") for _ in sent] == sent
    assert "Traceback" not in server.log.read_text()
