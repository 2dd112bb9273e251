"""The JavaScript client on the real server: sending, absences, cuts, restarts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.clients.js import JsClient
from tests.support.client import Api
from tests.support.node import needs_node
from tests.support.server import Server

pytestmark = [needs_node, pytest.mark.timeout(60)]

Start = Callable[..., JsClient]
MakeServer = Callable[..., Server]


def texts(messages: list[dict[str, Any]]) -> list[str]:
    return [each["message"] for each in messages]


def test_two_devices_show_what_is_sent(shared_server: Server, js: Start) -> None:
    api = Api(shared_server)
    ann, bob = api.users("ann", "bob")
    phones = [js(shared_server, user) for user in (ann, ann, bob)]
    for phone in phones:
        assert phone.call("status", "live") is None
    opened = phones[0].call("createConversation", "Tea", [bob["id"]])
    (shown,) = phones[0].call("sendAndShow", opened["id"], "hi")  # at once
    assert (shown["message"], shown["status"]) == ("hi", "sending")
    client_id = shown["client_id"]
    for phone in phones:
        (shown,) = phone.call("until", opened["id"], 1)
        assert (shown["message"], shown["status"], shown["key"]) == ("hi", "sent", client_id)
    assert [phone.call("unread") for phone in phones] == [0, 0, 1]
    phones[2].call("markRead", opened["id"])
    assert phones[2].call("unread") == 0


def test_messages_of_one_conversation_arrive_in_their_order_once(shared_server: Server, js: Start) -> None:
    api = Api(shared_server)
    ann, bob = api.users("ann", "bob")
    opened = api.conversation(ann, bob)
    phone = js(shared_server, ann)
    wanted = [f"message {number}" for number in range(30)]
    for number, text in enumerate(wanted):  # the first are written before there is a connection
        phone.call("send", opened["id"], text)
        if number in (10, 20):
            phone.call("cut")
    phone.call("settle")
    assert phone.texts(opened["id"]) == texts(api.messages(opened)) == wanted


def test_a_line_that_breaks_before_it_is_open_is_tried_again(shared_server: Server, js: Start) -> None:
    api = Api(shared_server)
    (ann,) = api.users("ann")
    opened = api.conversation(ann)
    phone = js(shared_server, ann)
    for _ in range(4):
        phone.call("cut")
    phone.call("send", opened["id"], "hello")
    phone.call("settle")
    assert phone.texts(opened["id"]) == ["hello"]
    phone.call("cut")
    assert phone.call("now") == "offline"


def test_who_leaves_while_the_first_answer_is_read_comes_back_whole(shared_server: Server, js: Start) -> None:
    api = Api(shared_server)
    (ann,) = api.users("ann")
    opened = api.conversation(ann)
    phone = js(shared_server, ann)
    assert phone.call("status", "live") is None
    phone.call("disconnect")
    phone.call("leaveAtAnswer")
    phone.call("send", opened["id"], "written meanwhile")
    phone.call("connect")
    (shown,) = phone.call("until", opened["id"], 1)
    assert shown["message"] == "written meanwhile"


def test_an_answer_that_was_lost_is_asked_for_again(
    make_server: MakeServer, database_url: str, js: Start, connect: Callable[..., Any]
) -> None:
    server = make_server(DATABASE_URL=database_url)
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    opened = api.conversation(ann, bob)
    phone = js(server, ann)
    phone.call("status", "live")
    with psycopg.connect(database_url) as holder:
        holder.execute("select from conversations where id = %s for update", (opened["id"],))
        phone.call("send", opened["id"], "once")
        phone.call("cut")
    phone.call("settle")
    assert phone.texts(opened["id"]) == texts(api.messages(opened)) == ["once"]


def test_what_was_written_before_the_app_was_ended_is_sent_when_it_is_back(
    make_server: MakeServer, js: Start, tmp_path: Path
) -> None:
    server = make_server()
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    opened = api.conversation(ann, bob)
    api.send(opened, bob, "hello")
    store = tmp_path / "store.json"
    phone = js(server, ann, store=store)
    phone.call("settle")
    server.kill()
    phone.call("status", "offline")
    phone.call("send", opened["id"], "one")
    phone.call("send", opened["id"], "two")
    phone.call("save")
    phone.kill()
    phone = js(server, ann, store=store)
    assert phone.texts(opened["id"]) == ["hello", "one", "two"]  # shown without any connection
    server.start()
    phone.call("settle")
    assert phone.texts(opened["id"]) == texts(api.messages(opened)) == ["hello", "one", "two"]
    assert phone.call("outbox") == []


def test_a_message_that_is_refused_fails_and_the_next_one_goes(shared_server: Server, js: Start) -> None:
    api = Api(shared_server)
    ann, bob = api.users("ann", "bob")
    opened = api.conversation(ann, bob)
    phone = js(shared_server, ann)
    phone.call("send", opened["id"], "x" * 10_001)
    phone.call("send", opened["id"], "fine")
    phone.call("settle")
    shown = phone.call("messages", opened["id"])
    assert [(each["message"][:4], each["status"]) for each in shown] == [("fine", "sent"), ("xxxx", "failed")]
    assert shown[1]["error"]["code"] == "validation_failed"
    phone.call("discard", shown[1]["key"])
    assert phone.texts(opened["id"]) == ["fine"]


def test_a_rate_limit_is_waited_out(make_server: MakeServer, js: Start) -> None:
    server = make_server(RATE_LIMIT_SEND="3 per 2 seconds")
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    opened = api.conversation(ann, bob)
    phone = js(server, ann)
    wanted = [str(number) for number in range(7)]
    for text in wanted:
        phone.call("send", opened["id"], text)
    phone.call("settle")
    assert texts(api.messages(opened)) == wanted


def test_what_was_missed_is_there_after_an_absence_and_after_a_restart_of_the_server(
    make_server: MakeServer, js: Start, tmp_path: Path
) -> None:
    server = make_server()
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    opened = api.conversation(ann, bob)
    store = tmp_path / "store.json"
    phone = js(server, bob, store=store)
    phone.call("settle")
    server.stop()
    phone.call("status", "offline")
    server.start()
    api.send(opened, ann, "one")
    phone.call("until", opened["id"], 1)
    phone.call("save")
    phone.close()
    for number in range(60):
        api.send(opened, ann, str(number))
    late = api.conversation(ann, bob)
    phone = js(server, bob, store=store)
    phone.call("settle")
    assert phone.call("unread") == 61
    assert len(phone.call("messages", opened["id"])) == 50  # it started afresh
    assert phone.call("loadOlder", opened["id"]) is False
    assert phone.texts(opened["id"]) == ["one", *(str(number) for number in range(60))]
    assert {each["id"] for each in phone.call("conversations")} == {opened["id"], late["id"]}


def test_signing_out_forgets_everything(shared_server: Server, js: Start, tmp_path: Path) -> None:
    api = Api(shared_server)
    ann, bob = api.users("ann", "bob")
    opened = api.conversation(ann, bob)
    api.send(opened, bob, "secret")
    store = tmp_path / "store.json"
    phone = js(shared_server, ann, store=store)
    phone.call("settle")
    phone.call("save")
    assert "secret" in store.read_text()
    phone.call("signOut")
    assert store.read_text() == "{}"
    assert phone.call("conversations") == []
