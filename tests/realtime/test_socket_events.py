"""What clients send over the socket and how it is acknowledged; `since` and `receipt` have more in their own files."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from chat.schemas.messages import MessageSchema
from tests.support.client import Api
from tests.support.raw import RawWebSocket
from tests.support.server import Device, Server

Connect = Callable[..., Device]
Pair = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Server:
    return shared_server


@pytest.fixture
def api(server: Server) -> Api:
    return Api(server)


@pytest.fixture
def pair(api: Api) -> Pair:
    """Two users and their conversation."""
    ann, bob = api.users("ann", "bob")
    return ann, bob, api.conversation(ann, bob)


def say(conversation: dict[str, Any], message: str = "hello", **more: Any) -> dict[str, Any]:
    return {"conversation_id": conversation["id"], "message": message, **more}


# join


@pytest.mark.parametrize("written", [str.lower, str.upper])
def test_join_answers_the_user(server: Server, api: Api, connect: Connect, written: Callable[[str], str]) -> None:
    ann = api.user("ann")
    answer = connect(server).call("join", {"id": written(ann["id"])})
    assert answer == {"user": {name: ann[name] for name in ("id", "username", "created_at", "avatar_url")}}


# sendMessage


def test_send_is_acknowledged_with_the_message_that_everyone_else_hears(
    server: Server, api: Api, connect: Connect, pair: Pair
) -> None:
    ann, bob, conversation = pair
    sending, own, other = connect(server, ann), connect(server, ann), connect(server, bob)
    sent = sending.call("sendMessage", say(conversation, "hi"))
    assert (sent["user_id"], sent["message"], sent["seq"]) == (ann["id"], "hi", 1)
    assert sending.heard_so_far() == []
    assert own.heard_so_far() == other.heard_so_far() == [("message", sent)]
    assert api.messages(conversation) == [{name: sent[name] for name in MessageSchema().fields}]


def test_send_over_http_and_over_the_socket_answer_alike(
    server: Server, api: Api, connect: Connect, pair: Pair
) -> None:
    ann, _, conversation = pair
    over_http = api.send(conversation, ann)
    over_socket = connect(server, ann).call("sendMessage", say(conversation))
    assert over_http.keys() == over_socket.keys()
    assert over_http["conversations"].keys() == over_socket["conversations"].keys()


def test_sends_of_one_socket_keep_their_order(server: Server, api: Api, connect: Connect, pair: Pair) -> None:
    ann, bob, conversation = pair
    sending, other = connect(server, ann), connect(server, bob)
    for n in range(30):
        sending.socket.emit("sendMessage", say(conversation, str(n)))  # not waiting for an acknowledgement
    expected = [str(n) for n in range(30)]
    assert [other.hear("message")["message"] for _ in expected] == expected
    assert [message["message"] for message in api.messages(conversation)] == expected


@pytest.mark.parametrize("ways", ["socket socket", "socket http", "http socket", "http http"])
def test_a_repeated_client_id_is_one_message_whatever_way_it_comes(
    server: Server,
    api: Api,
    connect: Connect,
    pair: Pair,
    ways: str,
) -> None:
    ann, bob, conversation = pair
    other, answers = connect(server, bob), []
    for way in ways.split():
        if way == "http":
            answers.append(api.send(conversation, ann, "once", client_id="c-1"))
        else:  # each time on a new socket, as a client that came back
            answers.append(connect(server, ann).call("sendMessage", say(conversation, "once", client_id="c-1")))
    first, second = answers
    assert first == second
    assert other.heard_so_far() == [("message", first)] * 2  # a retry: nobody may have heard of the first
    assert len(api.messages(conversation)) == 1


def test_repeats_at_the_same_moment_are_one_message(server: Server, api: Api, connect: Connect, pair: Pair) -> None:
    ann, bob, conversation = pair
    other = connect(server, bob)
    devices = [connect(server, ann) for _ in range(4)]
    answers: list[Any] = []
    payload = say(conversation, "once", client_id="c-1")
    threads = [threading.Thread(target=lambda d=d: answers.append(d.call("sendMessage", payload))) for d in devices]
    threads += [
        threading.Thread(target=lambda: answers.append(api.send(conversation, ann, "once", client_id="c-1")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(answer == answers[0] for answer in answers)
    assert other.heard_so_far() == [("message", answers[0])] * 8


def test_sends_at_once_through_both_doors_are_numbered_without_gap(
    server: Server, api: Api, connect: Connect, pair: Pair
) -> None:
    ann, bob, conversation = pair
    devices = [connect(server, user) for user in (ann, ann, bob, bob)]
    threads = [
        threading.Thread(target=lambda d=d: [d.call("sendMessage", say(conversation)) for _ in range(15)])
        for d in devices
    ]
    threads += [
        threading.Thread(target=lambda u=u: [api.send(conversation, u) for _ in range(15)])
        for u in (ann, ann, bob, bob)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = api.messages(conversation)
    assert [message["seq"] for message in stored] == list(range(1, 121))
    times = [message["created_at"] for message in stored]
    assert times == sorted(set(times))


@pytest.mark.parametrize("event", ["sendMessage", "receipt"])
def test_event_before_join_is_refused(server: Server, connect: Connect, event: str) -> None:
    payload = {"conversation_id": NOBODY, "message": "m", "read_seq": 1}
    assert connect(server).call(event, payload)["error"]["code"] == "authentication_required"


@pytest.mark.parametrize("event", ["sendMessage", "receipt"])
def test_only_members_send(server: Server, api: Api, connect: Connect, event: str) -> None:
    ann, bob, eve = api.users("ann", "bob", "eve")
    conversation = api.conversation(ann, bob)
    other, stranger = connect(server, bob), connect(server, eve)
    error = stranger.call(event, say(conversation, read_seq=0, user_id=ann["id"]))["error"]
    assert (error["status"], error["code"]) == (404, "conversation_not_found")
    assert other.heard_so_far() == []


# receipt


def test_receipts_of_different_people_do_not_wait_for_each_other(server: Server, api: Api, connect: Connect) -> None:
    users = api.users("ann", "bob", "cyd")
    conversation = api.conversation(*users)
    api.send(conversation, users[0])
    listening, *reading = (connect(server, user) for user in users)
    for device in reading:
        device.call("receipt", {"conversation_id": conversation["id"], "delivered_seq": 1})
    heard = [data["user_id"] for _, data in listening.heard_so_far()]
    assert heard == [user["id"] for user in users[1:]]


# connections


def test_events_without_a_wish_for_an_acknowledgement_get_none(server: Server, api: Api) -> None:
    ann = api.user("ann")
    with RawWebSocket(server) as raw:
        raw.send(f'42["join",{{"id":"{ann["id"]}"}}]')
        raw.send('42["join",null]')
        raw.send('427["no such event"]')
        packet = raw.receive()
        assert packet is not None
        assert packet.startswith("437")
