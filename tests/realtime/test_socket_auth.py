"""Identity over Socket.IO, on the real server: the handshake, and every event for every caller."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from chat.sockets.namespace import ChatNamespace
from tests.support.client import Api
from tests.support.identity import (
    SECRET,
    TOKEN_MODE,
    Provider,
    SigningKey,
    bearer,
    error_code,
    handshake,
    refusal,
    signed,
)
from tests.support.server import Device, Server


@pytest.fixture(scope="module")
def server_settings() -> dict[str, str]:
    return TOKEN_MODE


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Server:
    return shared_server


@pytest.fixture
def api(server: Server) -> Api:
    return Api(server)


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
    assert refusal(server, handshake(user))["message"] == "token_invalid"
    Device(server, auth=handshake(fresh)).close()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_token_in_the_handshake_or_in_the_header_is_enough(server: Server, api: Api, transport: str) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob, **bearer(ann["access_token"]))
    by_auth = Device(server, handshake(ann), [transport])
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
    with Device(server, auth=handshake(ann)) as device:
        assert device.call("join", {})["user"]["id"] == ann["id"]
        assert device.join(ann)["user"]["id"] == ann["id"]
        assert error_code(device.join(bob)) == "identity_mismatch"
        assert error_code(device.join({"id": str(uuid4())})) == "identity_mismatch"
        conversation = api.conversation(ann, bob, **bearer(ann["access_token"]))
        sent = device.call("sendMessage", {"conversation_id": conversation["id"], "message": "still me"})
        assert sent["user_id"] == ann["id"]


# events


EVENTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "join": lambda conversation_id: {"since": {conversation_id: 0}},
    "sendMessage": lambda conversation_id: {"conversation_id": conversation_id, "message": "mine"},
    "receipt": lambda conversation_id: {"conversation_id": conversation_id, "read_seq": 1},
    "typing": lambda conversation_id: {"conversation_id": conversation_id, "is_typing": True},
    "watchPresence": lambda conversation_id: {"user_ids": [conversation_id]},  # of nobody, whoever asks
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
    with Device(server, auth=handshake(bob)) as member, Device(server, auth=handshake(eve)) as stranger:
        assert "error" not in member.call(event, EVENTS[event](conversation["id"]))
        for conversation_id in conversation["id"], str(uuid4()):
            answer = stranger.call(event, EVENTS[event](conversation_id))
            assert "what ann told bob" not in str(answer)
            if event == "join":
                assert (answer["conversations"], answer["removed"]) == ([], [conversation_id])
            elif event == "watchPresence":
                assert answer["presence"] == []
            else:
                assert error_code(answer) == "conversation_not_found"
        api.send(conversation, ann, "more", **bearer(ann["access_token"]))
        assert member.hear("message")["message"] == "more"
        assert stranger.heard_so_far() == []


def test_naming_the_socket_of_another_mutes_nobody(server: Server, api: Api) -> None:
    """`X-Socket-ID` counts only for a socket of the caller's own."""
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob, **bearer(ann["access_token"]))
    with Device(server, auth=handshake(ann)) as anns, Device(server, auth=handshake(bob)) as bobs:
        for sid in bobs.sid, bob["id"], "unknown", "x" * 5000:
            api.send(conversation, ann, "for bob", **bearer(ann["access_token"]), X_Socket_ID=sid)
            assert bobs.hear("message")["message"] == "for bob"
        assert anns.heard_so_far() == []  # none of these made her another device either


def test_the_names_of_the_librarys_own_events_reach_no_handler(server: Server, api: Api) -> None:
    """A client that could run `disconnect` or `connect` itself would become nobody, then anybody, and never expire."""
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob, **bearer(ann["access_token"]))
    with Device(server, auth=handshake(ann)) as device:
        assert error_code(device.call("disconnect", "client")) == "event_not_found"
        assert error_code(device.call("connect", handshake(bob))) == "event_not_found"
        assert error_code(device.join(bob)) == "identity_mismatch"
        sent = device.call("sendMessage", {"conversation_id": conversation["id"], "message": "still me"})
        assert sent["user_id"] == ann["id"]


@pytest.mark.parametrize(
    "name", ["", "spend", "trigger_event", "__class__", "emit", "connect_error", "*", "💬", "x" * 9999]
)
def test_an_event_that_is_none_is_told_so(server: Server, api: Api, name: str) -> None:
    with Device(server, auth=handshake(api.user())) as device:
        assert error_code(device.call(name, {})) == "event_not_found"


def test_in_open_mode_a_socket_is_whose_it_says_and_a_token_binds_it(make_server: Callable[..., Server]) -> None:
    server = make_server(JWT_SECRET=SECRET)
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    with Device(server) as device:
        conversation = api.conversation(ann, bob)
        payload = {"conversation_id": conversation["id"], "message": "hi"}
        assert error_code(device.call("sendMessage", payload)) == "authentication_required"
        for user in ann, bob:
            assert device.join(user)["user"]["id"] == user["id"]
            assert device.call("sendMessage", payload)["user_id"] == user["id"]
    with Device(server, auth=handshake(ann)) as device:
        assert error_code(device.join(bob)) == "identity_mismatch"
    assert refusal(server, {"token": signed(ann["id"], exp=1)})["message"] == "token_expired"
