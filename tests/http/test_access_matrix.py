"""Who may what over HTTP: every route of the app's own URL map, for every kind of caller.

A route without a prepared request here fails the test, so that none can be forgotten.
"""

import time
from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chat.app import create_app
from chat.config import Config
from tests.support.identity import SECRET, bearer, signed

#: When tokens are issued: a minute ahead, and so later than whatever has been revoked.
MOMENTS = (time.time() + 60 + number / 1000 for number in count())
#: What only members may read.
SECRETS = ("the group of ann and bob", "what ann told bob")

Answer = tuple[int, str | None]
OK: Answer = (200, None)


class World(NamedTuple):
    """Ann and Bob have a conversation, Eve does not belong to it; each has a token."""

    client: FlaskClient
    users: dict[str, dict[str, Any]]
    conversation_id: str

    def ask(self, route: str, token: str | None, named: str | None = None, conversation_id: str | None = None) -> Any:
        """Make the prepared request of a route, naming a user in it or nobody."""
        method, path = route.split(" ")
        prepared = REQUESTS[route]
        name = {prepared.names: named} if named and prepared.names else {}
        body = None if prepared.body is None else prepared.body(self) | name
        path = path.replace("<id:conversation_id>", conversation_id or self.conversation_id)
        path = path.replace("<path:filename>", "index.html")
        with self.client.open(
            path,
            method=method,
            json=body,
            query_string=name if body is None else None,
            headers=bearer(token) if token else None,
        ) as response:
            response.get_data()
            return response


class Request(NamedTuple):
    """How a route is asked: its body, the field that may name the caller, and what it is about."""

    body: Callable[[World], dict[str, Any]] | None = None
    names: str | None = None
    is_public: bool = False


REQUESTS: dict[str, Request] = {
    "GET /": Request(is_public=True),
    "GET /web/<path:filename>": Request(is_public=True),
    "GET /openapi.json": Request(is_public=True),
    "GET /health": Request(is_public=True),
    "GET /ready": Request(is_public=True),
    "POST /users/create": Request(lambda world: {"username": "a new name"}),
    "GET /users/search": Request(names="user_id"),
    "POST /tokens/refresh": Request(),
    "POST /tokens/revoke": Request(),
    "POST /conversations/create": Request(
        lambda world: {"participant_ids": [world.users["bob"]["id"]], "group_name": "another"}, "owner_id"
    ),
    "GET /conversations": Request(names="user_id"),
    "GET /conversations/<id:conversation_id>/messages": Request(names="user_id"),
    "POST /conversations/<id:conversation_id>/messages/create": Request(lambda world: {"message": "mine"}, "user_id"),
    "PUT /conversations/<id:conversation_id>/receipts": Request(lambda world: {"read_seq": 1}, "user_id"),
    "GET /conversations/<id:conversation_id>/receipts": Request(names="user_id"),
    "GET /unread": Request(names="user_id"),
    "POST /sync": Request(lambda world: {"since": {world.conversation_id: 1}}, "user_id"),
}


def routes() -> list[str]:
    """Return every route of the app, as `METHOD /rule`."""
    config = Config(database_url="postgresql://localhost/never_connected", jwt_secret=SECRET).checked()
    rules = create_app(config).url_map.iter_rules()
    return sorted(f"{method} {rule.rule}" for rule in rules for method in rule.methods - {"HEAD", "OPTIONS"})


ROUTES = routes()


@pytest.fixture
def world(make_app: Callable[..., Flask]) -> World:
    client = make_app(auth_mode="token", jwt_secret=SECRET).test_client()
    users = {name: client.post("/users/create", json={"username": name}).json for name in ("ann", "bob", "eve")}
    ann = bearer(users["ann"]["access_token"])
    body = {"participant_ids": [users["bob"]["id"]], "group_name": SECRETS[0]}
    conversation_id = client.post("/conversations/create", json=body, headers=ann).json["id"]
    path = f"/conversations/{conversation_id}/messages/create"
    assert client.post(path, json={"message": SECRETS[1]}, headers=ann).status_code == 200
    return World(client, users, conversation_id)


def expected(route: str) -> dict[str, Answer]:
    """Return what each kind of caller gets."""
    prepared = REQUESTS[route]
    if prepared.is_public:
        return dict.fromkeys(CALLERS, OK)
    answers: dict[str, Answer] = {
        "no token": (401, "authentication_required"),
        "expired token": (401, "token_expired"),
        "wrong key": (401, "token_invalid"),
        "revoked token": (401, "token_invalid"),
        "no profile": (404, "user_not_found"),
        "another named": (403, "identity_mismatch") if prepared.names else OK,
        "itself named": OK,
        "stranger": (404, "conversation_not_found") if "conversation_id" in route else OK,
        "member": OK,
    }
    if route == "POST /users/create":  # sign-up: needs no token, and makes the profile that is missing
        answers |= {"no token": OK, "no profile": OK}
    answers["stranger of a provider"] = answers["stranger"]
    if route == "POST /tokens/refresh":
        answers["stranger of a provider"] = (403, "not_allowed")
    return answers


def fresh(world: World, name: str) -> str:
    """Return a token of this server that is newer than whatever was revoked before."""
    return signed(world.users[name]["id"], iss="chat", iat=next(MOMENTS))


def revoked(world: World, name: str) -> str:
    token = fresh(world, name)
    assert world.client.post("/tokens/revoke", headers=bearer(token)).status_code == 200
    return token


CALLERS: dict[str, Callable[[World, str], Any]] = {
    "no token": lambda world, route: world.ask(route, None),
    "expired token": lambda world, route: world.ask(route, signed(world.users["ann"]["id"], exp=1)),
    "wrong key": lambda world, route: world.ask(route, signed(world.users["ann"]["id"], secret="x" * 32)),
    "revoked token": lambda world, route: world.ask(route, revoked(world, "ann")),
    "no profile": lambda world, route: world.ask(route, signed(str(uuid4()), iss="chat")),
    "another named": lambda world, route: world.ask(route, fresh(world, "ann"), world.users["bob"]["id"]),
    "itself named": lambda world, route: world.ask(route, fresh(world, "bob"), world.users["bob"]["id"]),
    "stranger": lambda world, route: world.ask(route, fresh(world, "eve")),
    "stranger of a provider": lambda world, route: world.ask(
        route, signed(world.users["eve"]["id"], iat=next(MOMENTS))
    ),
    "member": lambda world, route: world.ask(route, fresh(world, "ann")),
}


def test_every_route_has_a_prepared_request() -> None:
    assert set(REQUESTS) == set(ROUTES)


@pytest.mark.parametrize("route", ROUTES)
def test_each_caller_gets_what_it_may(world: World, route: str) -> None:
    got = {}
    for caller, ask in CALLERS.items():
        response = ask(world, route)
        got[caller] = (response.status_code, response.json["code"] if response.status_code >= 400 else None)
    assert got == expected(route)


@pytest.mark.parametrize("route", [route for route in ROUTES if not REQUESTS[route].is_public])
def test_a_stranger_learns_nothing_and_changes_nothing(world: World, sql: Callable[..., list[Any]], route: str) -> None:
    """Asking for a conversation of others is answered like asking for one that does not exist."""
    before = contents(sql)
    told = []
    for conversation_id in world.conversation_id, str(uuid4()):
        asked = World(world.client, world.users, conversation_id)
        response = asked.ask(route, fresh(world, "eve"))
        text = response.text.replace(conversation_id, "that id")
        if response.is_json and "request_id" in (response.json or {}):
            text = text.replace(response.json["request_id"], "that request")
        assert not any(secret in text for secret in SECRETS)
        assert not any(id in text for (id,) in sql("select id::text from messages"))
        told.append((response.status_code, text))
    if route not in MAKES_SOMETHING_NEW:
        assert told[0] == told[1]
    assert contents(sql) == before


#: Routes whose answer is another one each time.
MAKES_SOMETHING_NEW = {"POST /tokens/refresh", "POST /tokens/revoke", "POST /conversations/create"}


def contents(sql: Callable[..., list[Any]]) -> list[Any]:
    """Return what the database holds of Ann's and Bob's conversation."""
    return [
        sql("select * from conversations where name = %s", SECRETS[0]),
        sql("select * from messages"),
        sql(
            "select m.* from user_conversation m join conversations c on c.id = m.conversation_id where c.name = %s "
            "order by m.id",
            SECRETS[0],
        ),
    ]


def test_a_member_who_was_removed_is_a_stranger(world: World, sql: Callable[..., list[Any]]) -> None:
    sql("delete from user_conversation where user_id = %s", world.users["bob"]["id"])
    for route in ROUTES:
        if "conversation_id" in route:
            response = world.ask(route, fresh(world, "bob"))
            assert (response.status_code, response.json["code"]) == (404, "conversation_not_found"), route
