"""The JavaScript client with tokens: they end, are renewed, are taken back, and say whose messages may be sent."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.js import JsClient
from tests.support.client import Api
from tests.support.identity import TOKEN_MODE, bearer, signed
from tests.support.node import needs_node
from tests.support.server import Server

pytestmark = [needs_node, pytest.mark.timeout(60)]

Start = Callable[..., JsClient]
Json = dict[str, Any]


@pytest.fixture(scope="module")
def server_settings() -> dict[str, str]:
    return TOKEN_MODE


@pytest.fixture
def talk(shared_server: Server) -> tuple[Json, Json, Json]:
    """Ann, Bob and a conversation of theirs."""
    ann, bob = Api(shared_server).users("ann", "bob")
    body = {"owner_id": ann["id"], "participant_ids": [bob["id"]], "group_name": "Tea"}
    return ann, bob, Api(shared_server).request("POST", "/conversations/create", body, **bearer(ann["access_token"]))


def token_of(user: Json, seconds: float) -> str:
    return signed(user["id"], exp=int(time.time() + seconds))


def stored(server: Server, conversation: Json, user: Json) -> list[str]:
    path = f"/conversations/{conversation['id']}/messages"
    return [each["message"] for each in Api(server).request("GET", path, **bearer(user["access_token"]))]


def test_a_token_that_ends_is_replaced_by_a_fresh_one(shared_server: Server, js: Start, talk: Any) -> None:
    ann, _, opened = talk
    fresh = signed(ann["id"], iat=int(time.time()) + 60)  # later than the others are revoked
    phone = js(shared_server, tokens=[ann["access_token"], fresh])
    phone.call("status", "live")
    Api(shared_server).request("POST", "/tokens/revoke", **bearer(ann["access_token"]))
    phone.call("send", opened["id"], "still here")
    phone.call("settle")
    assert stored(shared_server, opened, {"access_token": fresh}) == ["still here"]


def test_a_token_that_had_ended_before_the_handshake_too(shared_server: Server, js: Start, talk: Any) -> None:
    ann, _, _ = talk
    phone = js(shared_server, tokens=[token_of(ann, -10), ann["access_token"]])
    assert phone.call("status", "live") is None


def test_without_a_fresh_token_the_app_must_sign_in_again(shared_server: Server, js: Start, talk: Any) -> None:
    ann, _, opened = talk
    phone = js(shared_server, token=token_of(ann, 4))
    assert phone.call("status", "unauthorized") == "token_expired"
    phone.call("send", opened["id"], "waits")
    phone.call("connect", ann["access_token"])
    phone.call("settle")
    assert stored(shared_server, opened, ann) == ["waits"]


@pytest.mark.parametrize(("token", "code"), [("x", "token_invalid"), (None, None)])
def test_a_token_that_is_refused_ends_the_tries(
    shared_server: Server, js: Start, token: str | None, code: str | None
) -> None:
    phone = js(shared_server, tokens=[token])
    assert phone.call("status", "unauthorized", 30) == code


def test_requests_renew_the_token_too(shared_server: Server, js: Start, talk: Any) -> None:
    ann, bob, _ = talk
    phone = js(shared_server, tokens=[token_of(ann, -10), ann["access_token"]], connect=False)
    assert phone.call("createConversation", "Tea", [bob["id"]])["name"] == "Tea"


def test_what_one_user_wrote_is_not_sent_as_another(shared_server: Server, js: Start, talk: Any, tmp_path: Any) -> None:
    ann, bob, opened = talk
    store = tmp_path / "store.json"
    phone = js(shared_server, token=ann["access_token"], store=store)
    phone.call("settle")
    phone.call("disconnect")
    phone.call("send", opened["id"], "from Ann alone")
    phone.call("save")
    phone.close()
    phone = js(shared_server, token=bob["access_token"], store=store)
    phone.call("settle")
    assert stored(shared_server, opened, ann) == []
    assert phone.call("outbox") == []
    assert phone.call("state")["me"]["id"] == bob["id"]
