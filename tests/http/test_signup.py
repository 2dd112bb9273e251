"""Who may sign up, with whose token; and open mode, in which nobody needs one."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.support.client import Api
from tests.support.identity import Provider, SigningKey, bearer, signed


@pytest.fixture
def api(make_api: Callable[..., Api]) -> Api:
    """The client of an app in token mode that signs tokens itself."""
    return make_api()


def code(problem: dict[str, Any]) -> str:
    return str(problem["code"])


# who may sign up


def test_with_an_identity_provider_nobody_signs_up_without_its_token(make_api: Callable[..., Api]) -> None:
    key = SigningKey()
    with Provider(key) as provider:
        api = make_api(jwt_jwks_url=provider.url)
        refused = api.request("POST", "/users/create", {"username": "ann"}, 401)
        assert code(refused) == "authentication_required"


def test_the_subject_of_a_providers_token_becomes_a_user_and_can_change_its_name(make_api: Callable[..., Api]) -> None:
    key = SigningKey()
    with Provider(key) as provider:
        api = make_api(jwt_jwks_url=provider.url)
        user_id = str(uuid4())
        made = api.user("ann", **bearer(key.token(user_id)))
        assert (made["id"], made["username"]) == (user_id, "ann")
        assert "access_token" not in made
        renamed = api.user("anna", **bearer(key.token(user_id)))
        assert renamed == {**made, "username": "anna"}


def test_a_subject_in_capitals_is_the_same_user(api: Api) -> None:
    user = api.user()
    assert api.user("anna", **bearer(signed(user["id"].upper())))["id"] == user["id"]


def test_sign_up_beside_a_provider_can_be_opened(make_api: Callable[..., Api]) -> None:
    with Provider(SigningKey()) as provider:
        user = make_api(jwt_jwks_url=provider.url, signup="open").user()
        assert user["access_token"]


def test_sign_up_can_be_closed_everywhere(make_api: Callable[..., Api]) -> None:
    for mode in "token", "open":
        api = make_api(auth_mode=mode, signup="closed")
        assert code(api.request("POST", "/users/create", {"username": "ann"}, 401)) == "authentication_required"
        assert api.user("ann", **bearer(signed(str(uuid4()))))


def test_a_subject_without_a_profile_is_told_to_make_one(api: Api) -> None:
    token = signed(str(uuid4()))
    for method, path, body in ("GET", "/unread", None), ("GET", "/users/search", None), ("POST", "/sync", {}):
        assert code(api.request(method, path, body, 404, **bearer(token))) == "user_not_found"
    api.user("ann", **bearer(token))
    api.request("GET", "/unread", **bearer(token))


# open mode


def test_in_open_mode_nobody_needs_a_token(make_api: Callable[..., Api]) -> None:
    api = make_api(auth_mode="open", jwt_secret="")
    ann, bob = api.users("ann", "bob")
    assert "access_token" not in ann
    conversation = api.conversation(ann, bob)
    api.send(conversation, bob)
    assert api.messages(conversation)
    assert api.conversations(ann)


def test_in_open_mode_a_token_that_is_sent_binds(make_api: Callable[..., Api]) -> None:
    api = make_api(auth_mode="open")
    ann, bob = api.users("ann", "bob")
    token = bearer(ann["access_token"])
    refused = api.request("GET", f"/unread?user_id={bob['id']}", status=403, **token)
    assert code(refused) == "identity_mismatch"
    assert api.request("GET", "/unread", **token)["total"] == 0


def test_in_open_mode_a_stranger_who_names_itself_gets_no_messages(make_api: Callable[..., Api]) -> None:
    api = make_api(auth_mode="open")
    ann, bob, eve = api.users("ann", "bob", "eve")
    conversation = api.conversation(ann, bob)
    path = f"/conversations/{conversation['id']}/messages"
    assert code(api.request("GET", f"{path}?user_id={eve['id']}", status=404)) == "conversation_not_found"
    assert code(api.request("GET", path, status=404, **bearer(eve["access_token"]))) == "conversation_not_found"


def test_in_open_mode_tokens_are_still_only_for_who_has_one(make_api: Callable[..., Api]) -> None:
    api = make_api(auth_mode="open")
    for path in "/tokens/refresh", "/tokens/revoke":
        assert code(api.request("POST", path, status=401)) == "authentication_required"
