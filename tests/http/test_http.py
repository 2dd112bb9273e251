"""HTTP as browsers and operators see it: CORS, security headers, health, the front page."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.catalogue import ROUTES, World
from tests.support.client import Api

ORIGIN = "https://app.example.org"
OTHER = "https://evil.example.org"
EXPOSED = {"Link", "Retry-After", "X-Has-More-Before", "X-Has-More-After", "X-Request-ID", "X-RateLimit-Remaining"}


def preflight(client: FlaskClient, path: str, method: str, origin: str = ORIGIN) -> Any:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type, x-socket-id, x-request-id",
    }
    return client.options(path, headers=headers)


def words(header: str) -> set[str]:
    return {word.strip() for word in header.split(",")}


# CORS


def test_any_origin_may_call_by_default_with_a_token(make_app: Callable[..., Flask]) -> None:
    client = make_app(auth_mode="token", jwt_secret="s" * 32).test_client()
    for response in (
        client.get("/health", headers={"Origin": ORIGIN}),
        client.get("/nope", headers={"Origin": ORIGIN}),
    ):
        assert response.headers["Access-Control-Allow-Origin"] in ("*", ORIGIN)
        assert words(response.headers["Access-Control-Expose-Headers"]) >= EXPOSED
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("mode", ["open", "token"])
def test_a_preflight_is_answered_without_a_token(make_app: Callable[..., Flask], mode: str) -> None:
    client = make_app(auth_mode=mode, jwt_secret="s" * 32, cors_origins=ORIGIN).test_client()
    for method, path in (("POST", "/users/create"), ("GET", "/conversations"), ("PUT", "/conversations/x/receipts")):
        response = preflight(client, path, method)
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] in ("*", ORIGIN)
        assert method in words(response.headers["Access-Control-Allow-Methods"])
        allowed = words(response.headers["Access-Control-Allow-Headers"].lower())
        assert allowed >= {"authorization", "content-type", "x-socket-id", "x-request-id"}
        assert int(response.headers["Access-Control-Max-Age"]) > 0


def test_with_a_list_of_origins_only_those_may_call(make_app: Callable[..., Flask]) -> None:
    listed = f"{ORIGIN}/, http://localhost:8081, http://[::1]:8082"
    client = make_app(auth_mode="token", jwt_secret="s" * 32, cors_origins=listed).test_client()
    for origin in (ORIGIN, "http://localhost:8081", "http://[::1]:8082"):
        for response in (client.get("/health", headers={"Origin": origin}), preflight(client, "/sync", "POST", origin)):
            assert response.headers["Access-Control-Allow-Origin"] == origin
            assert "Origin" in words(response.headers["Vary"])
    for origin in (OTHER, f"{ORIGIN}.evil.org", "http://app.example.org", "null", "http://localhost:80810"):
        for response in (client.get("/health", headers={"Origin": origin}), preflight(client, "/sync", "POST", origin)):
            assert "Access-Control-Allow-Origin" not in response.headers


def test_an_error_can_be_read_by_a_script_of_another_origin(make_app: Callable[..., Flask]) -> None:
    client = make_app(cors_origins=ORIGIN).test_client()
    headers = {"Origin": ORIGIN}
    for response in (
        client.get("/nope", headers=headers),
        client.put("/health", headers=headers),
        client.post("/users/create", json={}, headers=headers),
        client.get("/unread", headers={**headers, "Authorization": "Bearer x"}),
    ):
        assert response.status_code >= 400
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


# headers


def test_every_answer_has_the_security_headers(client: FlaskClient) -> None:
    answers = [client.get("/health"), client.get("/nope"), client.put("/health"), client.post("/users/create", json={})]
    with client.get("/") as page:
        for response in (*answers, page):
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["X-Frame-Options"] == "DENY"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
            assert "default-src 'self'" in response.headers["Content-Security-Policy"]


def test_only_https_is_told_to_stay_https(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/health").headers
    assert "max-age" in client.get("/health", base_url="https://localhost").headers["Strict-Transport-Security"]


def test_https_is_seen_through_a_trusted_proxy_only(make_app: Callable[..., Flask]) -> None:
    headers = {"X-Forwarded-Proto": "https"}
    assert (
        "Strict-Transport-Security" in make_app(trusted_proxies=1).test_client().get("/health", headers=headers).headers
    )
    assert "Strict-Transport-Security" not in make_app().test_client().get("/health", headers=headers).headers


def test_no_answer_names_the_software_or_sets_a_cookie(client: FlaskClient, api: Api) -> None:
    api.user("ann")
    response = client.get("/health")
    assert set(response.headers.keys()) & {"Server", "X-Powered-By", "Set-Cookie"} == set()


def test_json_is_answered_as_json(client: FlaskClient, api: Api) -> None:
    ann = api.user("ann שלום 😀")
    for path in (
        "/health",
        "/ready",
        "/openapi.json",
        f"/conversations?user_id={ann['id']}",
        f"/unread?user_id={ann['id']}",
    ):
        assert client.get(path).content_type == "application/json"
    assert "😀".encode() in client.post("/users/create", json={"username": "😀"}).data  # UTF-8, not escapes


# health and the front page


def test_health_and_ready(client: FlaskClient) -> None:
    for path in ("/health", "/ready"):
        response = client.get(path)
        assert (response.status_code, response.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/openapi.json"])
def test_operators_need_no_token(make_app: Callable[..., Flask], path: str) -> None:
    with make_app(auth_mode="token", jwt_secret="s" * 32).test_client().get(path) as response:
        assert response.status_code == 200


def test_the_front_page_is_html_and_leads_to_the_document(client: FlaskClient) -> None:
    with client.get("/") as response:
        assert response.content_type == "text/html; charset=utf-8"
        assert response.text.startswith("<!doctype html>")
        assert "openapi.json" in response.text


def test_the_front_page_is_not_sent_again_when_nothing_has_changed(client: FlaskClient) -> None:
    with client.get("/") as first, client.get("/", headers={"If-None-Match": first.headers["ETag"]}) as again:
        assert (again.status_code, again.data) == (304, b"")


# methods


def test_head_is_get_without_the_body(client: FlaskClient, sql: Callable[..., list[Any]]) -> None:
    world = World(client, sql)
    for route in ROUTES:
        if route.method == "GET" and route.endpoint != "static":
            content = route.example(world)
            full, head = (each.send(world, content) for each in (route, route._replace(method="HEAD")))
            assert (head.status_code, head.data) == (200, b"")
            assert head.content_type == full.content_type
            assert set(head.headers.keys()) == set(full.headers.keys())


def test_options_names_the_methods_of_every_route(app: Flask) -> None:
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<path:filename>", "index.html").replace("<id:conversation_id>", "x")
        response = client.options(path)
        assert response.status_code == 200
        assert words(response.headers["Allow"]) >= rule.methods
