"""Validly signed tokens whose times are no times: 401 over HTTP and in the handshake, never 500."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from tests.support.answers import problem
from tests.support.identity import SECRET, TOKEN_MODE, bearer, forged, handshake, refusal, signed
from tests.support.server import Server

#: What stands in a claim, as JSON.
NO_TIMES = ["1" + "0" * 400, "-1" + "0" * 400, "NaN", "Infinity", "-Infinity", "1e999", "-1", "-0.5", '"9999999999"']
NO_TIMES += ['"x"', '""', "true", "false", "null", "[]", "{}", "[9999999999]", "9" * 5000]


def with_claim(user_id: str, name: str, text: str) -> str:
    """Return a signed token in which a claim has this JSON text."""
    return forged(user_id, SECRET.encode(), {"alg": "HS256"}, **{name: text})


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
def test_what_is_no_time_is_401(make_app: Callable[..., Flask], claim: str, subtests: pytest.Subtests) -> None:
    client = make_app(auth_mode="token", jwt_secret=SECRET).test_client()
    user_id = client.post("/users/create", json={"username": "ann"}).json["id"]
    for text in NO_TIMES:
        with subtests.test(text=text[:30]):
            response = client.get("/unread", headers=bearer(with_claim(user_id, claim, text)))
            assert response.status_code == 401, response.text
            assert response.json["code"] in ("token_invalid", "token_expired")


def test_good_times_are_served(make_app: Callable[..., Flask]) -> None:
    client = make_app(auth_mode="token", jwt_secret=SECRET).test_client()
    user_id = client.post("/users/create", json={"username": "ann"}).json["id"]
    now = time.time()
    for claims in (
        {"exp": now + 9.5},
        {"iat": 0},
        {"iat": now},
        {"nbf": 0},
        {"nbf": now - 0.5},
        {"exp": 1e15},
        {"iat": None},
    ):
        assert client.get("/unread", headers=bearer(signed(user_id, **claims))).status_code == 200, claims


def test_a_handshake_is_refused_likewise(make_server: Callable[..., Server]) -> None:
    server = make_server(**TOKEN_MODE)
    user = server.request("POST", "/users/create", {"username": "ann"}).json()
    assert handshake(user)
    for claim in "exp", "iat", "nbf":
        for text in "1" + "0" * 400, "Infinity", "true", "null":
            refused = refusal(server, {"token": with_claim(user["id"], claim, text)})
            assert refused["data"]["status"] == 401
    for token in "x" * 500_000, f"{'W1tb' * 100_000}.e30.x", nested_header(100_000):
        refused = refusal(server, {"token": token})
        assert refused["data"]["code"] == "token_invalid"
    assert "internal error" not in server.log.read_text()


def nested_header(depth: int) -> str:
    """Return a token whose header is lists in lists."""
    return base64.urlsafe_b64encode(b"[" * depth).decode().rstrip("=") + ".e30.x"


def test_a_header_nested_thousands_deep_is_401(make_app: Callable[..., Flask]) -> None:
    client = make_app(auth_mode="token", jwt_secret=SECRET).test_client()
    for depth in 500, 5_000, 100_000:
        problem(client.get("/unread", headers=bearer(nested_header(depth))), 401, "token_invalid")


@pytest.mark.parametrize("part", ["kid", "alg", "typ", "crit", "b64"])
def test_odd_headers_are_401(make_app: Callable[..., Flask], part: str) -> None:
    client = make_app(auth_mode="token", jwt_secret=SECRET).test_client()
    for value in [], {}, 1, None, True, "x" * 1000:
        header = {"alg": "HS256", part: value}
        response = client.get("/unread", headers=bearer(forged(str(uuid4()), b"x" * 32, header)))
        problem(response, 401, "token_invalid")


def test_odd_claims_are_401(make_app: Callable[..., Flask], subtests: pytest.Subtests) -> None:
    client = make_app(auth_mode="token", jwt_secret=SECRET).test_client()
    odd: list[Any] = [[], {}, 1, True, [[]], "", [None], 1e300]
    for claim in "sub", "aud":
        for value in odd:
            with subtests.test(claim=claim, value=json.dumps(value)):
                token = with_claim(str(uuid4()), claim, json.dumps(value))
                problem(client.get("/unread", headers=bearer(token)), 401, "token_invalid")
