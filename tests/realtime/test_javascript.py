"""The official JavaScript client, run by Node, and the Python client on the real server."""

from collections.abc import Callable

import psycopg
import pytest

from tests.support.client import Api
from tests.support.node import JavaScriptDevice, needs_node
from tests.support.server import Device, Server

pytestmark = needs_node

Connect = Callable[..., Device]
ConnectJs = Callable[..., JavaScriptDevice]


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
def test_both_clients_talk_to_each_other(
    shared_server: Server, connect: Connect, connect_js: ConnectJs, transports: list[str]
) -> None:
    api = Api(shared_server)
    ann, bob = api.users("ann", "bob")
    js = connect_js(shared_server, transports=transports)
    assert js.hear("connect")["transport"] in transports  # it may have been upgraded by then
    assert js.call("join", {"id": ann["id"]}) == {"user": ann}
    python = connect(shared_server, bob)

    conversation = api.conversation(bob, ann)
    assert js.hear("newConversation") == conversation
    from_python = python.call("sendMessage", {"conversation_id": conversation["id"], "message": "from Python 🐍"})
    assert js.hear("message") == from_python
    from_js = js.call("sendMessage", {"conversation_id": conversation["id"], "message": "from JavaScript"})
    assert python.hear("message") == from_js
    read = js.call("receipt", {"conversation_id": conversation["id"], "read_seq": 2})
    assert read["read_seq"] == 2
    assert [message["id"] for message in api.messages(conversation)] == [from_python["id"], from_js["id"]]


def test_errors_are_acknowledged(shared_server: Server, connect_js: ConnectJs) -> None:
    js = connect_js(shared_server)
    js.hear("connect")
    for arguments in ([], [None], [{}], [{"id": 7}], [{"id": "x"}, 1]):
        assert js.call("join", *arguments)["error"]["code"] == "validation_failed"
    assert js.call("nothing", {})["error"]["code"] == "event_not_found"
    assert js.call("sendMessage", {"message": "m"})["error"]["code"] == "validation_failed"


def test_own_socket_is_named_by_its_id(shared_server: Server, connect: Connect, connect_js: ConnectJs) -> None:
    api = Api(shared_server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    js, own = connect_js(shared_server), connect(shared_server, ann)
    sid = js.hear("connect")["id"]
    js.call("join", {"id": ann["id"]})
    sent = api.send(conversation, ann, X_Socket_ID=sid)
    assert own.hear("message") == sent
    js.call("nothing")  # its answer is the next thing heard: not the message


def test_retries_with_a_client_id_are_one_message(
    make_server: Callable[..., Server], database_url: str, connect: Connect, connect_js: ConnectJs
) -> None:
    server = make_server(DATABASE_URL=database_url)
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    listening = connect(server, bob)
    js = connect_js(server, retries=50, ackTimeout=200)
    js.hear("connect")
    js.call("join", {"id": ann["id"]})
    with psycopg.connect(database_url) as holder:
        holder.execute("select from conversations where id = %s for update", (conversation["id"],))
        payload = {"conversation_id": conversation["id"], "message": "once", "client_id": "c-1"}
        js.emit("sendMessage", payload)
        assert listening.hears_nothing(1)  # by then it has been sent several times
    sent = js.hear("answer")
    heard = listening.heard_so_far()  # once for each try, perhaps: a client drops the version that it knows
    assert heard
    assert all(event == ("message", sent) for event in heard)
    assert [message["id"] for message in api.messages(conversation)] == [sent["id"]]


def test_what_is_sent_while_the_server_is_down_arrives_once_it_is_back(
    make_server: Callable[..., Server], connect_js: ConnectJs
) -> None:
    server = make_server(AUTH_MODE="token", JWT_SECRET="s" * 32)
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    as_ann, as_bob = ({"Authorization": f"Bearer {user['access_token']}"} for user in (ann, bob))
    conversation = api.conversation(ann, bob, **as_ann)
    js = connect_js(server, retries=100, ackTimeout=1000, auth={"token": ann["access_token"]})
    first = js.hear("connect")
    server.kill()
    js.hear_at_last("disconnect")
    js.emit("sendMessage", {"conversation_id": conversation["id"], "message": "I am back", "client_id": "c-1"})
    server.start()
    assert js.hear_at_last("connect")["id"] != first["id"]
    sent = js.hear("answer")
    assert sent["message"] == "I am back"
    assert js.hears_nothing_more()
    reply = api.send(conversation, bob, "welcome", **as_bob)
    assert js.hear("message") == reply
    stored = api.request("GET", f"/conversations/{conversation['id']}/messages", **as_ann)
    assert [message["id"] for message in stored] == [sent["id"], reply["id"]]


def test_refused_connection_says_why(make_server: Callable[..., Server], connect_js: ConnectJs) -> None:
    server = make_server(AUTH_MODE="token", JWT_SECRET="s" * 32)
    for auth, code in ({}, "authentication_required"), ({"token": "x"}, "token_invalid"):
        refused = connect_js(server, auth=auth).hear("connect_error")
        assert refused["message"] == refused["data"]["code"] == code
