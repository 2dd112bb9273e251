"""Identity over Socket.IO, on the real server: the handshake, every event for every caller, the end of a session."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import engineio
import pytest
import urllib3
from socketio.exceptions import ConnectionError as Refused

from chat.sockets.namespace import ChatNamespace
from tests.client import Api
from tests.conftest import databases
from tests.identity import SECRET, Provider, SigningKey, bearer, signed
from tests.server import WSGI, Device, Server, SocketClient

SETTINGS = {"AUTH_MODE": "token", "JWT_SECRET": SECRET, "RATE_LIMIT_SIGNUP": "", "RATE_LIMIT_DEFAULT": ""}

#: The real server, looking after its sessions more often than every 15 seconds.
WATCHFUL = """
import sys, runpy
sys.path.insert(0, {root!r})
import eventlet
eventlet.monkey_patch()
from chat.actions import sessions
sessions.INTERVAL = 0.5
runpy.run_path({wsgi!r}, run_name="__main__")
"""

User = dict[str, Any]


@pytest.fixture(scope="module")
def server(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server in token mode, started once; every test makes its own users."""
    with databases(cluster) as make:
        server = Server(tmp_path_factory.mktemp("server"), {**SETTINGS, "DATABASE_URL": make()})
        server.start()
        yield server
        server.stop()


@pytest.fixture
def api(server: Server) -> Api:
    return Api(server)


@pytest.fixture
def watchful(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Servers started from now on look after their sessions twice a second."""
    script = tmp_path / "watchful.py"
    script.write_text(WATCHFUL.format(root=str(WSGI.parent), wsgi=str(WSGI)))
    monkeypatch.setattr("tests.server.WSGI", script)


def token(user: User) -> dict[str, str]:
    return {"token": user["access_token"]}


def refusal(server: Server, auth: Any = None, transport: str = "websocket", **headers: str) -> dict[str, Any]:
    """Return what a client that is refused hears as `connect_error`."""
    heard: list[dict[str, Any]] = []
    client = SocketClient(reconnection=False)
    client.on("connect_error", heard.append)
    with pytest.raises(Refused):
        client.connect(server.url, auth=auth, headers=headers, transports=[transport], wait_timeout=10)
    client.disconnect()
    return heard[0]


def code(answer: dict[str, Any]) -> str:
    return str(answer["error"]["code"])


# the handshake


HANDSHAKES: dict[str, tuple[Callable[[str], Any], str]] = {
    "nothing": (lambda id: None, "authentication_required"),
    "no token": (lambda id: {}, "authentication_required"),
    "an empty token": (lambda id: {"token": ""}, "authentication_required"),
    "a token of null": (lambda id: {"token": None}, "authentication_required"),
    "no object": (lambda id: [signed(id)], "authentication_required"),
    "a number": (lambda id: {"token": 7}, "token_invalid"),
    "an object": (lambda id: {"token": {"sub": id}}, "token_invalid"),
    "text": (lambda id: {"token": "let me in"}, "token_invalid"),
    "expired": (lambda id: {"token": signed(id, exp=1)}, "token_expired"),
    "wrong key": (lambda id: {"token": signed(id, secret="x" * 32)}, "token_invalid"),
    "wrong audience": (lambda id: {"token": signed(id, aud="other")}, "token_invalid"),
    "no profile": (lambda id: {"token": signed(str(uuid4()))}, "user_not_found"),
}


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_handshake_without_a_good_token_is_refused_with_the_code(server: Server, api: Api, transport: str) -> None:
    user_id = api.user()["id"]
    got = {name: refusal(server, make(user_id), transport)["message"] for name, (make, _) in HANDSHAKES.items()}
    assert got == {name: expected for name, (_, expected) in HANDSHAKES.items()}


def test_the_refusal_carries_the_whole_problem(server: Server) -> None:
    heard = refusal(server)
    assert heard["data"]["status"] == 401
    assert heard["data"]["code"] == heard["message"] == "authentication_required"


def test_a_revoked_token_opens_no_socket(server: Server, api: Api) -> None:
    user = api.user()
    fresh = api.request("POST", "/tokens/revoke", **bearer(user["access_token"]))
    assert refusal(server, token(user))["message"] == "token_invalid"
    Device(server, auth=token(fresh)).close()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_token_in_the_handshake_or_in_the_header_is_enough(server: Server, api: Api, transport: str) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob, **bearer(ann["access_token"]))
    by_auth = Device(server, token(ann), [transport])
    by_header = Device(server, None, [transport], **bearer(ann["access_token"]))
    with by_auth, by_header:
        api.send(conversation, bob, "hello", **bearer(bob["access_token"]))  # nobody has sent `join`
        assert by_auth.hear("message")["message"] == by_header.hear("message")["message"] == "hello"


def test_a_providers_token_opens_a_socket(make_server: Callable[..., Server]) -> None:
    key = SigningKey()
    with Provider(key) as provider:
        server = make_server(AUTH_MODE="token", JWT_JWKS_URL=provider.url)
        provided = key.token(str(uuid4()))
        user = Api(server).user("ann", **bearer(provided))
        with Device(server, auth={"token": provided}) as device:
            assert device.call("join", {})["user"]["id"] == user["id"]
        assert refusal(server, {"token": SigningKey().token(user["id"])})["message"] == "token_invalid"


def test_join_may_repeat_the_tokens_user_and_not_differ(server: Server, api: Api) -> None:
    ann, bob = api.users("ann", "bob")
    with Device(server, auth=token(ann)) as device:
        assert device.call("join", {})["user"]["id"] == ann["id"]
        assert device.join(ann)["user"]["id"] == ann["id"]
        assert code(device.join(bob)) == "identity_mismatch"
        assert code(device.join({"id": str(uuid4())})) == "identity_mismatch"
        conversation = api.conversation(ann, bob, **bearer(ann["access_token"]))
        sent = device.call("sendMessage", {"conversation_id": conversation["id"], "message": "still me"})
        assert sent["user_id"] == ann["id"]


# events


EVENTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "join": lambda conversation_id: {"since": {conversation_id: 0}},
    "sendMessage": lambda conversation_id: {"conversation_id": conversation_id, "message": "mine"},
    "receipt": lambda conversation_id: {"conversation_id": conversation_id, "read_seq": 1},
}


def test_every_event_has_a_prepared_payload() -> None:
    handlers = {name: getattr(ChatNamespace, name) for name in dir(ChatNamespace) if name.startswith("on_")}
    from_clients = {name.removeprefix("on_") for name, handler in handlers.items() if hasattr(handler, "schema")}
    assert from_clients == set(EVENTS)
    assert set(handlers) - {f"on_{event}" for event in from_clients} == {"on_connect", "on_disconnect"}


@pytest.mark.parametrize("event", EVENTS)
def test_a_member_may_and_a_stranger_learns_nothing(server: Server, api: Api, event: str) -> None:
    ann, bob, eve = api.users("ann", "bob", "eve")
    conversation = api.conversation(ann, bob, **bearer(ann["access_token"]))
    api.send(conversation, ann, "what ann told bob", **bearer(ann["access_token"]))
    with Device(server, auth=token(bob)) as member, Device(server, auth=token(eve)) as stranger:
        assert "error" not in member.call(event, EVENTS[event](conversation["id"]))
        for conversation_id in conversation["id"], str(uuid4()):
            answer = stranger.call(event, EVENTS[event](conversation_id))
            assert "what ann told bob" not in str(answer)
            if event == "join":
                assert (answer["conversations"], answer["removed"]) == ([], [conversation_id])
            else:
                assert code(answer) == "conversation_not_found"
        api.send(conversation, ann, "more", **bearer(ann["access_token"]))
        assert member.hear("message")["message"] == "more"
        assert stranger.heard_so_far() == []


def test_the_names_of_the_librarys_own_events_reach_no_handler(server: Server, api: Api) -> None:
    """A client that could run `disconnect` or `connect` itself would become nobody, then anybody, and never expire."""
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob, **bearer(ann["access_token"]))
    with Device(server, auth=token(ann)) as device:
        assert code(device.call("disconnect", "client")) == "event_not_found"
        assert code(device.call("connect", token(bob))) == "event_not_found"
        assert code(device.join(bob)) == "identity_mismatch"
        sent = device.call("sendMessage", {"conversation_id": conversation["id"], "message": "still me"})
        assert sent["user_id"] == ann["id"]


@pytest.mark.parametrize(
    "name", ["", "spend", "trigger_event", "__class__", "emit", "connect_error", "*", "💬", "x" * 9999]
)
def test_an_event_that_is_none_is_told_so(server: Server, api: Api, name: str) -> None:
    with Device(server, auth=token(api.user())) as device:
        assert code(device.call(name, {})) == "event_not_found"


def test_in_open_mode_a_socket_is_whose_it_says_and_a_token_binds_it(make_server: Callable[..., Server]) -> None:
    server = make_server(JWT_SECRET=SECRET)
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    with Device(server) as device:
        conversation = api.conversation(ann, bob)
        payload = {"conversation_id": conversation["id"], "message": "hi"}
        assert code(device.call("sendMessage", payload)) == "authentication_required"
        for user in ann, bob:
            assert device.join(user)["user"]["id"] == user["id"]
            assert device.call("sendMessage", payload)["user_id"] == user["id"]
    with Device(server, auth=token(ann)) as device:
        assert code(device.join(bob)) == "identity_mismatch"
    assert refusal(server, {"token": signed(ann["id"], exp=1)})["message"] == "token_expired"


# the end of a session


def test_when_a_token_expires_its_socket_is_told_and_disconnected(
    make_server: Callable[..., Server], watchful: None
) -> None:
    server = make_server(**SETTINGS)
    ann, bob = Api(server).users("ann", "bob")
    short = signed(ann["id"], exp=int(time.time()) + 3)
    with Device(server, auth={"token": short}) as device, Device(server, auth=token(bob)) as other:
        assert device.hear("unauthorized", seconds=30)["code"] == "token_expired"
        device.hear("disconnect")
        assert other.call("join", {})["user"]["id"] == bob["id"]


def test_when_tokens_are_revoked_their_sockets_end_on_every_process(
    make_server: Callable[..., Server], make_database: Callable[..., str], watchful: None
) -> None:
    url = make_database()
    here, elsewhere = (make_server(**SETTINGS, DATABASE_URL=url) for _ in range(2))
    api = Api(here)
    ann, bob = api.users("ann", "bob")
    devices = [Device(server, auth=token(ann)) for server in (here, elsewhere)]
    others = [Device(server, auth=token(bob)) for server in (here, elsewhere)]
    fresh = api.request("POST", "/tokens/revoke", **bearer(ann["access_token"]))
    back = Device(elsewhere, auth=token(fresh))
    for device in devices:
        assert device.hear("unauthorized", seconds=30)["code"] == "token_invalid"
        device.hear("disconnect")
    time.sleep(1.5)  # two more looks at what was revoked: the fresh token is not
    for device in [*others, back]:
        assert "user" in device.call("join", {})
        device.close()


def test_the_process_that_revokes_ends_its_own_sockets_at_once(server: Server, api: Api) -> None:
    """The watch of this server looks every 15 seconds; nobody waits for it here."""
    user = api.user()
    with Device(server, auth=token(user)) as device:
        api.request("POST", "/tokens/revoke", **bearer(user["access_token"]))
        assert device.hear("unauthorized", seconds=5)["status"] == 401
        device.hear("disconnect", seconds=5)


def test_a_connection_without_a_session_is_closed(make_server: Callable[..., Server], watchful: None) -> None:
    """One that never says what it wants, and one that was refused and stays on the line."""
    server = make_server(**SETTINGS)
    gone = []
    for packet in None, "0":
        client = engineio.Client()
        closed = threading.Event()
        client.on("disconnect", lambda reason=None, closed=closed: closed.set())
        client.connect(server.url, transports=["websocket"], engineio_path="socket.io")
        if packet:
            client.send(packet)
        gone.append(closed)
    with Device(server, auth=token(Api(server).user())) as session:
        assert all(closed.wait(30) for closed in gone)
        assert session.socket.connected


# how many, and from where


def test_a_user_may_hold_so_many_sockets_open_and_no_more(make_server: Callable[..., Server]) -> None:
    server = make_server(**SETTINGS, MAX_SESSIONS_PER_USER="2")
    ann, bob = Api(server).users("ann", "bob")
    first, second = (Device(server, auth=token(ann)) for _ in range(2))
    heard = refusal(server, token(ann))
    assert (heard["message"], heard["data"]["status"]) == ("too_many_sessions", 429)
    assert "user" in first.join(ann)  # to repeat a join is no further session
    Device(server, auth=token(bob)).close()
    first.close()
    deadline = time.monotonic() + 10
    while True:
        try:
            Device(server, auth=token(ann)).close()
            break
        except Refused:
            assert time.monotonic() < deadline
    second.close()


def test_in_open_mode_too_a_user_has_so_many_sockets_and_no_more(make_server: Callable[..., Server]) -> None:
    server = make_server(MAX_SESSIONS_PER_USER="1")
    ann, bob = Api(server).users("ann", "bob")
    with Device(server) as first, Device(server) as second:
        first.join(ann)
        assert code(second.join(ann)) == "too_many_sessions"
        second.join(bob)
        assert code(second.join(ann)) == "too_many_sessions"
        assert second.call("join", {"id": bob["id"]})["user"]["id"] == bob["id"]


def test_the_origins_of_the_settings_hold_for_sockets_too(make_server: Callable[..., Server]) -> None:
    server = make_server(CORS_ORIGINS="https://app.example.com")
    http = urllib3.PoolManager(retries=False)
    handshake = f"{server.url}/socket.io/?EIO=4&transport=polling"
    own = server.url
    for origin, status in (
        ("https://app.example.com", 200),
        (own, 200),
        ("https://evil.example.com", 400),
        ("null", 400),
    ):
        response = http.request("GET", handshake, headers={"Origin": origin})
        assert response.status == status, origin
        assert response.headers.get("Access-Control-Allow-Origin") == (origin if status == 200 else None)
    Device(server, Origin="https://app.example.com").close()
    with pytest.raises(Refused):
        Device(server, Origin="https://evil.example.com")


def test_tokens_are_not_in_the_log(make_server: Callable[..., Server]) -> None:
    server = make_server(**SETTINGS, LOG_LEVEL="debug")
    api = Api(server)
    user = api.user()
    bad = [signed(user["id"], exp=1), signed(user["id"], secret="x" * 32)]
    with Device(server, auth=token(user)) as device:
        device.call("join", {"id": user["id"], "token": user["access_token"]})
    for each in bad:
        refusal(server, {"token": each})
        api.request("GET", "/unread", status=401, **bearer(each))
    server.stop()
    log = server.log.read_text()
    assert "/unread 401" in log
    for secret in [user["access_token"], *bad, SECRET]:
        assert secret.rpartition(".")[2] not in log
