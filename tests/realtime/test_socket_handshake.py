"""Who a socket says it is in its handshake, `auth: {id}`, without a token and beside one."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.support.client import Api
from tests.support.identity import SECRET, TOKEN_MODE, error_code, handshake, refusal
from tests.support.server import Device, Server

Connect = Callable[..., Device]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_in_open_mode_the_named_user_has_joined(shared_server: Server, connect: Connect, transport: str) -> None:
    api = Api(shared_server)
    ann, bob = api.users("ann", "bob")
    device = connect(shared_server, auth={"id": ann["id"].upper()}, transports=[transport])
    conversation = api.conversation(bob, ann)
    assert device.hear("newConversation") == conversation
    sent = device.call("sendMessage", {"conversation_id": conversation["id"], "message": "from the start"})
    assert sent["user_id"] == ann["id"]


def test_join_keeps_working(shared_server: Server, connect: Connect) -> None:
    ann, bob = Api(shared_server).users("ann", "bob")
    device = connect(shared_server, auth={"id": ann["id"]})
    for payload, user in ({}, ann), ({"id": ann["id"]}, ann), ({"id": bob["id"]}, bob), ({}, bob):
        assert device.call("join", payload)["user"] == user
    assert device.call("join", {"since": {}})["conversations"] == []


@pytest.mark.parametrize("auth", [None, {}, {"id": None}, {"token": ""}])
def test_who_names_nobody_joins_later(shared_server: Server, connect: Connect, auth: Any) -> None:
    device = connect(shared_server, auth=auth)
    assert error_code(device.call("join", {})) == "validation_failed"
    ann = Api(shared_server).user("ann")
    assert device.join(ann)["user"] == ann


def test_an_unknown_user_is_refused(shared_server: Server) -> None:
    refused = refusal(shared_server, {"id": str(uuid4())})
    assert refused["message"] == refused["data"]["code"] == "user_not_found"
    assert refused["data"]["status"] == 404


@pytest.mark.parametrize("value", ["", "ann", 7, True, [], {}, [str(uuid4())]])
def test_what_is_no_id_is_refused(shared_server: Server, value: Any) -> None:
    refused = refusal(shared_server, {"id": value})
    assert refused["message"] == refused["data"]["code"] == "validation_failed"
    assert refused["data"]["errors"] == {"id": ["Not a valid UUID."]}


def test_a_named_user_may_hold_so_many_sockets_and_no_more(make_server: Callable[..., Server]) -> None:
    server = make_server(MAX_SESSIONS_PER_USER="1")
    auth = {"id": Api(server).user()["id"]}
    with Device(server, auth=auth):
        assert refusal(server, auth)["message"] == "too_many_sessions"
    Device(server, auth=auth).close()


@pytest.mark.parametrize("settings", [TOKEN_MODE, {"JWT_SECRET": SECRET}], ids=["token mode", "open mode"])
def test_a_token_may_be_confirmed_and_not_contradicted(
    make_server: Callable[..., Server], settings: dict[str, str]
) -> None:
    server = make_server(**settings)
    ann, bob = Api(server).users("ann", "bob")
    with Device(server, auth={**handshake(ann), "id": ann["id"]}) as device:
        assert device.call("join", {})["user"]["id"] == ann["id"]
    for other in bob["id"], str(uuid4()):
        refused = refusal(server, {**handshake(ann), "id": other})
        assert (refused["message"], refused["data"]["status"]) == ("identity_mismatch", 403)
    assert refusal(server, {**handshake(ann), "id": "ann"})["message"] == "validation_failed"


def test_in_token_mode_an_id_is_no_token(make_server: Callable[..., Server]) -> None:
    server = make_server(**TOKEN_MODE)
    assert refusal(server, {"id": Api(server).user()["id"]})["message"] == "authentication_required"
