"""What the official JavaScript client queues with its `retries` while its connection is cut, and whose it is.

The client drains that queue before it tells its program of the new connection, so no `join` can precede it: the
handshake says who the socket is.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from tests.support.client import Api
from tests.support.node import JavaScriptDevice, needs_node
from tests.support.server import Device, Server, free_port

pytestmark = needs_node


class Line:
    """The way to a server, which can be cut and mended; while it is cut, connections are refused."""

    def __init__(self, server: Server) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = server
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.mend()

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._run(self._accept)

    def cut(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # which wakes the thread that accepts
        self._threads[0].join()
        self._listener.close()
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()
        self._ends, self._threads = [], []

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._ends.append(client)
                server = socket.create_connection(("127.0.0.1", self._server.port))
                self._ends.append(server)
                self._run(self._pass_on, client, server)
                self._run(self._pass_on, server, client)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        for end in source, target:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _run(self, function: Callable[..., None], *args: Any) -> None:
        self._threads.append(threading.Thread(target=function, args=args))
        self._threads[-1].start()


@pytest.fixture
def server(make_server: Callable[..., Server], database_url: str) -> Server:
    return make_server(DATABASE_URL=database_url)


@pytest.fixture
def line(server: Server) -> Iterator[Line]:
    line = Line(server)
    yield line
    line.cut()


def test_what_was_queued_is_sent_by_the_user_of_the_handshake(
    server: Server, line: Line, connect: Callable[..., Device], connect_js: Callable[..., JavaScriptDevice]
) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    listening = connect(server, bob)
    js = connect_js(line.url, auth={"id": ann["id"]}, retries=100, ackTimeout=1000)
    js.hear("connect")
    line.cut()
    js.hear("disconnect")
    for text in "one", "two", "three":
        js.emit("sendMessage", {"conversation_id": conversation["id"], "message": text, "client_id": text})
    line.mend()
    js.hear_at_last("connect")
    answers = [js.hear("answer") for _ in range(3)]
    assert [answer.get("error") for answer in answers] == [None] * 3
    assert [(answer["user_id"], answer["message"]) for answer in answers] == [
        (ann["id"], text) for text in ("one", "two", "three")
    ]
    assert listening.heard_so_far() == [("message", answer) for answer in answers]
    sent = api.send(conversation, bob, "welcome back")
    assert js.hear("message") == sent  # it hears what is sent to it, also without `join`


def test_a_send_whose_answer_was_cut_off_is_one_message(
    server: Server,
    line: Line,
    connect: Callable[..., Device],
    connect_js: Callable[..., JavaScriptDevice],
    sql: Callable[..., list[Any]],
    database_url: str,
) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    listening = connect(server, bob)
    js = connect_js(line.url, auth={"id": ann["id"]}, retries=100, ackTimeout=1000)
    js.hear("connect")
    with psycopg.connect(database_url) as holder:
        holder.execute("select from conversations where id = %s for update", (conversation["id"],))
        js.emit("sendMessage", {"conversation_id": conversation["id"], "message": "once", "client_id": "c-1"})
        deadline = time.monotonic() + 20
        while not sql("select 1 from pg_locks where not granted"):
            assert time.monotonic() < deadline, "the send does not wait for the lock"
            time.sleep(0.01)
        line.cut()
        js.hear("disconnect")
        line.mend()
        js.hear_at_last("connect")
    sent = js.hear_at_last("answer")  # before it perhaps `message`: the first try was another socket's of the same user
    assert sent.get("user_id") == ann["id"], sent
    heard = listening.heard_so_far()  # once for each try, perhaps: a client drops the version that it knows
    assert heard
    assert all(event == ("message", sent) for event in heard)
    assert [message["id"] for message in api.messages(conversation)] == [sent["id"]]
