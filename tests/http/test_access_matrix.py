"""Who may what over HTTP: every route of the app's own URL map, for every kind of caller.

A route that is not in the catalogue of calls fails the test.
"""

import re
import time
from collections.abc import Callable
from copy import copy
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.calls import CALLS
from tests.support.catalogue import ROUTES, Route
from tests.support.identity import SECRET, bearer, signed
from tests.support.world import GROUP_NAME, MESSAGE, World

#: When tokens are issued: a minute ahead, and so later than whatever has been revoked.
MOMENTS = (time.time() + 60 + number / 1000 for number in count())

Answer = tuple[int, str | None]
OK: Answer = (200, None)


@pytest.fixture
def world(make_app: Callable[..., Flask], sql: Callable[..., list[Any]]) -> World:
    return World(make_app(auth_mode="token", jwt_secret=SECRET).test_client(), sql)


def ask(world: World, route: Route, token: str | None, named: str | None = None, id: str | None = None) -> TestResponse:
    """Make the call of a route, naming a user in it or nobody, and `id` in its path."""
    asked = copy(world)
    asked.conversation = id or world.conversation
    asked.tokens = world.tokens | {"ann": fresh(world, "ann")}  # hers may be revoked
    content = route.call.content(asked)
    if named and route.call.names:
        content |= {route.call.names: named}
    return route.send(asked, content, id, headers=bearer(token) if token else None)


def expected(route: Route) -> dict[str, Answer]:
    """Return what each kind of caller gets."""
    if route.call.is_public:
        return dict.fromkeys(CALLERS, OK)
    answers: dict[str, Answer] = {
        "no token": (401, "authentication_required"),
        "expired token": (401, "token_expired"),
        "wrong key": (401, "token_invalid"),
        "revoked token": (401, "token_invalid"),
        "no profile": (404, "user_not_found"),
        "another named": (403, "identity_mismatch") if route.call.names else OK,
        "itself named": OK if route.call.role == "member" else (403, "not_allowed"),  # bob, who is no more
        "no member": (404, f"{route.place}_not_found") if route.place else OK,
        "member": OK,
    }
    if route.call.role == "sole":
        answers["itself named"] = answers["no member"]
    if route.call.is_own:
        answers |= dict.fromkeys(("itself named", "no member"), (403, "not_allowed"))
    if route.endpoint == "users.erase_user":  # the path names somebody else than those who call here
        answers["member"] = (403, "not_allowed")
    if route.endpoint == "users.create_user":  # sign-up: needs no token, and makes the profile that is missing
        answers |= {"no token": OK, "no profile": OK}
    answers["no member, token of a provider"] = answers["no member"]
    if route.endpoint == "tokens.refresh_token":
        answers["no member, token of a provider"] = (403, "not_allowed")
    return answers


def fresh(world: World, name: str) -> str:
    """Return a token of this server that is newer than whatever was revoked before."""
    return signed(world.ids[name], iss="chat", iat=next(MOMENTS))


def revoked(world: World, name: str) -> str:
    token = fresh(world, name)
    assert world.client.post("/tokens/revoke", headers=bearer(token)).status_code == 200
    return token


CALLERS: dict[str, Callable[[World, Route], TestResponse]] = {
    "no token": lambda world, route: ask(world, route, None),
    "expired token": lambda world, route: ask(world, route, signed(world.ann, exp=1)),
    "wrong key": lambda world, route: ask(world, route, signed(world.ann, secret="x" * 32)),
    "revoked token": lambda world, route: ask(world, route, revoked(world, "ann")),
    "no profile": lambda world, route: ask(world, route, signed(str(uuid4()), iss="chat")),
    "another named": lambda world, route: ask(world, route, fresh(world, "ann"), world.bob),
    "itself named": lambda world, route: ask(world, route, fresh(world, "bob"), world.bob),
    "no member": lambda world, route: ask(world, route, fresh(world, "eve")),
    "no member, token of a provider": lambda world, route: ask(world, route, signed(world.eve, iat=next(MOMENTS))),
    "member": lambda world, route: ask(world, route, fresh(world, "ann")),
}


def test_every_route_is_in_the_catalogue_and_nothing_else(app: Flask) -> None:
    assert set(CALLS) == set(app.view_functions)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_each_caller_gets_what_it_may(world: World, route: Route) -> None:
    got = {}
    for caller, call in CALLERS.items():
        response = call(world, route)
        got[caller] = (response.status_code, response.json["code"] if response.status_code >= 400 else None)
    assert got == expected(route)


#: Who has an invite learns the name of the conversation, and may enter.
FOR_STRANGERS = {"invites.get_invite", "invites.accept_invite"}
CLOSED = [route for route in ROUTES if not route.call.is_public and route.endpoint not in FOR_STRANGERS]


@pytest.mark.parametrize("route", CLOSED, ids=str)
def test_who_is_no_member_learns_nothing_and_changes_nothing(
    world: World, sql: Callable[..., list[Any]], route: Route
) -> None:
    """A call for a conversation of others is answered like one for a conversation that does not exist."""
    before = contents(sql)
    answers = []
    for id in getattr(world, route.place or "conversation"), str(uuid4()):
        response = ask(world, route, fresh(world, "eve"), id=id)
        text = response.text.replace(id, "that id")
        if response.is_json and "request_id" in (response.json or {}):
            text = text.replace(response.json["request_id"], "that request")
        text = re.sub(r'"cursor" : "[^"]*"', "that cursor", text)  # it grows with every transaction of the cluster
        assert not any(secret in text for secret in (GROUP_NAME, MESSAGE))
        assert not any(id in text for (id,) in sql("select id::text from messages"))
        answers.append((response.status_code, text))
    if route.endpoint not in ANSWERS_ANEW:
        assert answers[0] == answers[1]
    assert contents(sql) == before


#: Routes whose answer is another one each time.
ANSWERS_ANEW = {
    "tokens.refresh_token",
    "tokens.revoke_tokens",
    "conversations.create_conversation",
    "attachments.upload_attachment",
}


def contents(sql: Callable[..., list[Any]]) -> list[Any]:
    """Return what the database holds of ann's and bob's conversation."""
    return [
        sql("select * from conversations where name = %s", GROUP_NAME),
        sql("select * from messages"),
        sql(
            "select m.* from user_conversation m join conversations c on c.id = m.conversation_id where c.name = %s "
            "order by m.id",
            GROUP_NAME,
        ),
    ]


def test_a_member_who_was_removed_is_no_member(world: World, sql: Callable[..., list[Any]]) -> None:
    sql("delete from user_conversation where user_id = %s", world.bob)
    for route in ROUTES:
        if route.place:
            response = ask(world, route, fresh(world, "bob"))
            assert (response.status_code, response.json["code"]) == (404, f"{route.place}_not_found"), route
