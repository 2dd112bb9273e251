"""What holds for every answer over HTTP: headers, origins, and what is never told or logged."""

import logging
from collections.abc import Callable
from typing import Any

from flask import Flask

from tests.support.identity import SECRET, bearer, signed

EVERYONE = "https://anywhere.example.com"


def test_public_addresses_do_not_look_at_tokens(make_app: Callable[..., Flask]) -> None:
    client = make_app(auth_mode="token", jwt_secret=SECRET).test_client()
    for path in "/", "/health", "/ready", "/openapi.json", "/web/index.html":
        with client.get(path, headers=bearer("nonsense")) as response:
            assert response.status_code == 200, path
    assert client.get("/nowhere", headers=bearer("nonsense")).json["code"] == "not_found"
    assert client.put("/sync").status_code == 405


def test_a_browser_may_ask_for_permission_without_a_token(make_app: Callable[..., Flask]) -> None:
    asking = {
        "Origin": EVERYONE,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    response = make_app(auth_mode="token", jwt_secret=SECRET).test_client().options("/unread", headers=asking)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Headers"].lower() == "authorization"


def test_only_the_origins_of_the_settings_are_allowed(make_app: Callable[..., Flask]) -> None:
    token_mode = {"auth_mode": "token", "jwt_secret": SECRET}
    client = make_app(**token_mode, cors_origins="https://app.example.com, https://other.example.com").test_client()
    for origin, allowed in ("https://app.example.com", True), (EVERYONE, False), ("null", False):
        response = client.get("/health", headers={"Origin": origin})
        assert response.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    response = make_app(**token_mode).test_client().get("/health", headers={"Origin": EVERYONE})
    assert response.headers["Access-Control-Allow-Origin"] in ("*", EVERYONE)


def test_every_answer_carries_the_security_headers(make_app: Callable[..., Flask]) -> None:
    client = make_app(auth_mode="token", jwt_secret=SECRET).test_client()
    for path in "/", "/health", "/unread", "/nowhere":
        with client.get(path, base_url="https://chat.example.com") as response:
            headers = response.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Strict-Transport-Security"]


def test_neither_tokens_nor_sql_are_told_or_logged(
    make_app: Callable[..., Flask], sql: Callable[..., list[Any]]
) -> None:
    app = make_app(auth_mode="token", jwt_secret=SECRET, log_level="debug")
    lines: list[str] = []
    handler = logging.Handler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    client = app.test_client()
    user = client.post("/users/create", json={"username": "ann"}).json
    tokens = [user["access_token"], signed(user["id"], exp=1), signed(user["id"], secret="x" * 32)]
    bodies = [client.get("/unread", headers=bearer(token)).text for token in tokens]
    sql("drop function public.chat_list_unread")
    broken = client.get("/unread", headers=bearer(tokens[0]))
    assert (broken.status_code, broken.json["code"]) == (500, "internal_error")
    assert "chat_" not in broken.text
    assert any("chat_list_unread" in line for line in lines)  # the operator is told what the client is not
    for token in [*tokens, SECRET]:
        assert token.rpartition(".")[2] not in "".join([*lines, *bodies, broken.text])
