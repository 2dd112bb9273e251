"""The official JavaScript client, run by Node, and the Python client on the real server."""

import fcntl
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import psycopg
import pytest

from tests.support.client import Api
from tests.support.server import Device, Server

DIRECTORY = Path(__file__).parent / "javascript"

pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="Node.js with npm is not installed"
)


class JavaScriptDevice:
    """A Node process with the official client in it (see client.js)."""

    def __init__(self, server: Server, **options: Any) -> None:
        options = {"reconnectionDelay": 50, "reconnectionDelayMax": 200, **options}
        self._process = subprocess.Popen(
            ["node", "client.js", server.url, json.dumps(options)],
            cwd=DIRECTORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._heard: Queue[tuple[str, Any]] = Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            name, *data = json.loads(line)
            self._heard.put((name, data[0] if data else None))

    def emit(self, event: str, *data: Any) -> None:
        """Send an event; its acknowledgement is heard as `answer`."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([event, *data]) + "\n")
        self._process.stdin.flush()

    def call(self, event: str, *data: Any) -> Any:
        self.emit(event, *data)
        return self.hear("answer")

    def hear(self, name: str) -> Any:
        """Return what the next event carries, which must be this one."""
        try:
            heard, data = self._heard.get(timeout=20)
        except Empty:
            raise AssertionError(f"{name} was not heard") from None
        assert heard == name, (heard, data)
        return data

    def hear_at_last(self, name: str) -> Any:
        """Return what the next event of this name carries; others before it are dropped."""
        while True:
            heard, data = self._heard.get(timeout=20)
            if heard == name:
                return data

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        assert self._process.wait(10) == 0
        self._reader.join()
        self._process.stdout.close()


@pytest.fixture(scope="session")
def installed() -> None:
    """The client's package, fetched unless it is there; one process of the tests does it, the others wait."""
    directory = os.open(DIRECTORY, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        done, wanted = DIRECTORY / "node_modules" / ".package-lock.json", DIRECTORY / "package-lock.json"
        if done.exists() and done.stat().st_mtime >= wanted.stat().st_mtime:
            return
        run = subprocess.run(["npm", "ci"], cwd=DIRECTORY, capture_output=True, text=True, timeout=100)
        if run.returncode:
            pytest.skip(f"npm cannot install socket.io-client: {run.stderr.strip().splitlines()[-1]}")
    finally:
        os.close(directory)


@pytest.fixture
def connect_js(installed: None) -> Iterator[Callable[..., JavaScriptDevice]]:
    """A function that starts the JavaScript client; options are those of `io()`."""
    devices = []

    def connect(server: Server, **options: Any) -> JavaScriptDevice:
        devices.append(JavaScriptDevice(server, **options))
        return devices[-1]

    yield connect
    for device in devices:
        device.close()


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
    heard = listening.heard_so_far()  # once more for each retry, which a client knows by the id
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
    assert js._heard.empty()
    reply = api.send(conversation, bob, "welcome", **as_bob)
    assert js.hear("message") == reply
    stored = api.request("GET", f"/conversations/{conversation['id']}/messages", **as_ann)
    assert [message["id"] for message in stored] == [sent["id"], reply["id"]]


def test_refused_connection_says_why(make_server: Callable[..., Server], connect_js: ConnectJs) -> None:
    server = make_server(AUTH_MODE="token", JWT_SECRET="s" * 32)
    for auth, code in ({}, "authentication_required"), ({"token": "x"}, "token_invalid"):
        refused = connect_js(server, auth=auth).hear("connect_error")
        assert refused["message"] == refused["data"]["code"] == code
