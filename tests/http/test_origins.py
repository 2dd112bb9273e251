"""Open mode obeys no web page: `Host` and `Origin` of HTTP requests, of polling and of WebSocket handshakes."""

from collections.abc import Callable
from typing import Any

import pytest
import websocket
from flask import Flask

from tests.support.answers import problem
from tests.support.client import Api
from tests.support.identity import SECRET
from tests.support.raw import PATH, RawPolling
from tests.support.server import Server

EVIL = "https://evil.example"
LISTED = "https://app.example.com"

LOOPBACK_HOSTS = [
    "localhost",
    "LOCALHOST:3000",
    "localhost.",
    "chat.localhost:3000",
    "127.0.0.1:3000",
    "127.9.9.9",
    "[::1]:3000",
    "[::1]",
    "[0:0:0:0:0:0:0:1]:80",
    "[::ffff:127.0.0.1]:3000",
]
FOREIGN_HOSTS = [
    "evil.example",
    "evil.example:3000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "notlocalhost",
    "192.168.1.5:3000",
    "0.0.0.0",
    "[::]",
    "[2001:db8::1]:3000",
    "localhost,evil.example",
    "evil.example@localhost",
    "localhost/evil.example",
    "localhost:port",
    "[::1",
    "::1",
    "127.1",
    "2130706433",
    "[evil.example]",
]
LOOPBACK_ORIGINS = [
    "http://localhost",
    "http://localhost:5173",
    "http://127.0.0.1",
    "http://127.0.0.1:5173",
    "http://[::1]",
    "http://[::1]:5173",
    "http://app.localhost:5173",
    "https://localhost:8443",
    "capacitor://localhost",
    "http://localhost/",
]
FOREIGN_ORIGINS = [
    "https://evil.example",
    "null",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "http://192.168.1.5:3000",
    "x",
    "http://evil.example:3000",
    "file://",
    "http://localhost@evil.example",
    "http://localhost:3000.evil.example",
    "http://",
    "http://evil.example/localhost",
    "http://[::1].evil.example",
    "http://evil.127.0.0.1.example",
]


def get(app: Flask, host: str = "localhost", origin: str | None = None, **more: str) -> Any:
    headers = {"Host": host, **more} | ({"Origin": origin} if origin else {})
    return app.test_client().get("/health", headers=headers)


# Host


@pytest.mark.parametrize("host", LOOPBACK_HOSTS)
def test_loopback_names_and_addresses_are_served(app: Flask, host: str) -> None:
    assert get(app, host).status_code == 200


@pytest.mark.parametrize("host", [*FOREIGN_HOSTS, "", " localhost"])
def test_a_rebound_name_is_refused_on_every_route(app: Flask, host: str, subtests: pytest.Subtests) -> None:
    for path in "/", "/health", "/unread", "/openapi.json", "/web/index.html", "/nowhere", PATH + "polling":
        with subtests.test(path=path):
            response = app.test_client().get(path, headers={"Host": host, "X-Request-ID": "mine"})
            body = problem(response, 421, "host_not_allowed")
            assert body["request_id"] == response.headers["X-Request-ID"] == "mine"
            assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_configured_host_and_the_allowed_ones_are_served(make_app: Callable[..., Flask]) -> None:
    app = make_app(host="192.168.1.5", allowed_hosts="Chat.example.com, 10.0.0.7, 2001:db8::1, [2001:db8::2]")
    for host in "192.168.1.5:3000", "chat.example.com", "CHAT.example.com:80", "10.0.0.7", "[2001:db8::1]:80":
        assert get(app, host).status_code == 200, host
    assert get(app, "[2001:db8:0::2]").status_code == 200
    for host in "192.168.1.6", "other.example.com", "x.chat.example.com":
        assert get(app, host).status_code == 421, host


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
def test_on_every_interface_each_address_is_served_and_no_other_name(
    make_app: Callable[..., Flask], wildcard: str
) -> None:
    app = make_app(host=wildcard)
    for host in "192.168.1.5:3000", "[2001:db8::1]:3000", "10.1.2.3", "localhost":
        assert get(app, host).status_code == 200, host
    assert get(app, "evil.example").status_code == 421


def test_a_forwarded_host_counts_for_nothing(make_app: Callable[..., Flask]) -> None:
    for app in make_app(), make_app(trusted_proxies=1):
        assert get(app, "evil.example", X_Forwarded_Host="localhost").status_code == 421
        assert get(app, "localhost", X_Forwarded_Host="evil.example").status_code == 200


# Origin


@pytest.mark.parametrize("origin", LOOPBACK_ORIGINS)
def test_pages_of_this_machine_may_call(app: Flask, origin: str) -> None:
    response = get(app, origin=origin)
    assert response.status_code == 200
    if not origin.endswith("/"):
        assert response.headers["Access-Control-Allow-Origin"] == origin


@pytest.mark.parametrize("origin", [*FOREIGN_ORIGINS, "http://localhost evil"])
def test_other_pages_may_not(app: Flask, api: Api, origin: str) -> None:
    response = get(app, origin=origin)
    problem(response, 403, "origin_not_allowed")
    assert "Access-Control-Allow-Origin" not in response.headers
    form = {"data": "username=eve", "content_type": "application/x-www-form-urlencoded"}
    refused = app.test_client().post("/users/create", headers={"Origin": origin}, **form)
    problem(refused, 403, "origin_not_allowed")
    asked = app.test_client().options("/sync", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    problem(asked, 403, "origin_not_allowed")
    assert api.request("GET", f"/users/search?user_id={api.user()['id']}") == []


def test_pages_of_this_server_may_call_wherever_it_may_be(make_app: Callable[..., Flask]) -> None:
    app = make_app(host="0.0.0.0", allowed_hosts="chat.example.com")
    for host, origin in (
        ("192.168.1.5:3000", "http://192.168.1.5:3000"),
        ("192.168.1.5:80", "http://192.168.1.5/"),  # as React Native writes it
        ("chat.example.com", "https://chat.example.com"),  # behind a proxy that ends TLS
        ("chat.example.com:443", "https://chat.example.com"),
        ("[2001:db8::1]:3000", "http://[2001:DB8::1]:3000"),
    ):
        assert get(app, host, origin).status_code == 200, origin
    for host, origin in (
        ("192.168.1.5:3000", "http://192.168.1.6:3000"),
        ("192.168.1.5:3000", "http://192.168.1.5:8000"),  # another server's page
        ("192.168.1.5:3000", "http://192.168.1.5"),
        ("chat.example.com", "https://www.chat.example.com"),
    ):
        assert get(app, host, origin).status_code == 403, origin


def test_a_rebound_page_is_not_a_page_of_this_server(app: Flask) -> None:
    assert get(app, "evil.example:3000", "http://evil.example:3000").status_code == 421


def test_listed_origins_may_call_besides(make_app: Callable[..., Flask]) -> None:
    app = make_app(cors_origins=LISTED)
    for origin in LISTED, "http://localhost:5173":
        response = get(app, origin=origin)
        assert response.headers["Access-Control-Allow-Origin"] == origin
    assert get(app, origin=EVIL).status_code == 403
    assert get(make_app(cors_origins="*"), origin=EVIL).status_code == 200  # as the operator says


def test_token_mode_looks_at_neither(make_app: Callable[..., Flask]) -> None:
    """There a page can do nothing without a token, and has none that it was not given."""
    app = make_app(auth_mode="token", jwt_secret=SECRET)
    response = get(app, "chat.example.com", EVIL)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] in ("*", EVIL)


# Socket.IO


def test_polling_is_refused_at_every_step(shared_server: Server) -> None:
    url = shared_server.url + PATH + "polling"
    for headers, status, code in (
        ({"Host": "evil.example"}, 421, "host_not_allowed"),
        ({"Origin": EVIL}, 403, "origin_not_allowed"),
    ):
        opened = RawPolling(shared_server)
        for method, address in (("GET", url), ("GET", opened._url), ("POST", opened._url), ("OPTIONS", url)):
            response = shared_server.http.request(method, address, headers=headers, body=None, timeout=10)
            assert (response.status, response.json()["code"]) == (status, code)
            assert response.headers["Content-Type"] == "application/problem+json"
            assert response.headers["X-Request-ID"] == response.json()["request_id"]


@pytest.mark.parametrize(
    ("options", "status"),
    [({"origin": EVIL}, 403), ({"host": "evil.example"}, 421), ({"host": "evil.example", "origin": EVIL}, 421)],
)
def test_a_websocket_is_refused_before_it_is_one(shared_server: Server, options: dict[str, str], status: int) -> None:
    address = shared_server.url.replace("http", "ws") + PATH + "websocket"
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(address, timeout=10, **options)
    assert refused.value.status_code == status


@pytest.mark.parametrize("origin", [None, "http://localhost:5173", "{url}", "{url}/"])
def test_an_app_a_page_of_this_machine_and_the_servers_own_connect(shared_server: Server, origin: str | None) -> None:
    headers = {"Origin": origin.format(url=shared_server.url)} if origin else {}
    assert shared_server.request("GET", PATH + "polling", **headers).status == 200
    options = {"origin": headers["Origin"]} if origin else {"suppress_origin": True}
    websocket.create_connection(shared_server.url.replace("http", "ws") + PATH + "websocket", **options).shutdown()


def test_a_page_may_connect_where_it_is_listed(make_server: Callable[..., Server]) -> None:
    server = make_server(CORS_ORIGINS=LISTED, ALLOWED_HOSTS="chat.example.com")
    opened = server.request("GET", PATH + "polling", Origin=LISTED, Host="chat.example.com")
    assert (opened.status, opened.headers["Access-Control-Allow-Origin"]) == (200, LISTED)
    address = server.url.replace("http", "ws") + PATH + "websocket"
    websocket.create_connection(address, timeout=10, origin=LISTED, host="chat.example.com").shutdown()
