"""Rate limits: budgets, who has which; over HTTP and over sockets."""

import itertools
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from chat import limits
from chat.config import Config
from chat.errors import TooManyRequests
from chat.limits import Limits, address_key
from tests.support.client import Api
from tests.support.identity import SECRET, bearer, signed
from tests.support.server import Device, Server

ADDRESS = "192.0.2.1"


def make_limits(**settings: Any) -> Limits:
    return Limits(Config(auth_mode="open", database_url="postgresql://", **settings).checked())


def is_refused(limits: Limits, kind: str = "default", user_id: str | None = None, address: str = ADDRESS) -> bool:
    try:
        limits.spend(kind, user_id, address)
    except TooManyRequests:
        return True
    return False


# budgets


class Clock:
    """The limits' clock, which the tests set."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    return clock


def test_a_budget_is_counted_down_and_then_refused_until_the_window_ends(clock: Clock) -> None:
    counted = make_limits(rate_limit_send="2 per 10 second")
    clock.now = 1003
    assert counted.spend("send", "ann", None) == (2, 1, 10)
    clock.now = 1006.5
    assert counted.spend("send", "ann", None) == (2, 0, 7)
    with pytest.raises(TooManyRequests) as refused:
        counted.spend("send", "ann", None)
    assert refused.value.retry_after == 7
    assert refused.value.headers["X-RateLimit-Remaining"] == "0"
    clock.now = 1012.9
    assert is_refused(counted, "send", "ann")
    clock.now = 1013
    assert counted.spend("send", "ann", None) == (2, 1, 10)


def test_what_costs_more_than_is_left_is_refused_and_costs_nothing(clock: Clock) -> None:
    counted = make_limits(rate_limit_create="10 per minute")
    assert counted.spend("create", "ann", None, 7) == (10, 3, 60)
    clock.now = 1020
    for cost in 4, 1000, 4:
        with pytest.raises(TooManyRequests) as refused:
            counted.spend("create", "ann", None, cost)
        assert refused.value.retry_after == 40
        assert refused.value.headers["X-RateLimit-Remaining"] == "3"
    assert counted.spend("create", "ann", None, 3) == (10, 0, 40)
    clock.now = 1060
    assert counted.spend("create", "ann", None, 10) == (10, 0, 60)


def test_each_user_each_address_and_each_kind_has_a_budget_of_its_own() -> None:
    counted = make_limits(rate_limit_send="1 per hour", rate_limit_default="1 per hour")
    for kind in "send", "default":
        for user_id, address in ("ann", ADDRESS), ("bob", ADDRESS), (None, ADDRESS), (None, "192.0.2.2"):
            assert not is_refused(counted, kind, user_id, address)
            assert is_refused(counted, kind, user_id, address)
    assert is_refused(counted, "send", "ann", "192.0.2.9")  # a user who moves keeps the budget


def test_whoever_holds_a_network_of_ipv6_addresses_is_one_caller() -> None:
    counted = make_limits(rate_limit_signup="1 per hour")
    assert not is_refused(counted, "signup", address="2001:db8:1:2::1")
    assert is_refused(counted, "signup", address="2001:db8:1:2:ffff::9")
    assert not is_refused(counted, "signup", address="2001:db8:1:3::1")
    assert not is_refused(counted, "signup", address="192.0.2.1")
    assert is_refused(counted, "signup", address="::ffff:192.0.2.1")  # the same address, as an IPv6 socket says it


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:5678", "192.0.2.1"),
        ("[192.0.2.1]:80", "192.0.2.1"),
        ("[2001:db8::1]", "2001:db8::/64"),
        ("[2001:db8::1]:80", "2001:db8::/64"),
        ("2001:0DB8:0:0:9::1", "2001:db8::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("[::1]:80", "::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
    ],
)
def test_an_address_is_one_caller_whatever_port_and_brackets_are_around_it(address: str, key: str) -> None:
    assert address_key(address) == key


@pytest.mark.parametrize(
    "address", ["", "unknown", "_hidden", "192.0.2.1:5678:9", "[", "]:80", "x" * 50_000, "192.0.2"]
)
def test_all_that_is_no_address_is_one_caller(address: str) -> None:
    assert address_key(address) == "unknown"


# memory


def held(counted: Limits) -> int:
    return sum(map(len, counted._memory.values()))


def test_a_flood_of_callers_is_forgotten_from_the_oldest_on(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(limits, "MAX_CALLERS", 100)
    counted = make_limits(rate_limit_default="1 per hour", rate_limit_send="1 per hour")
    for number in range(1000):
        assert not is_refused(counted, user_id=str(number))
        assert not is_refused(counted, "send", user_id=str(number))
        assert held(counted) <= 200
    assert [is_refused(counted, user_id=str(number)) for number in (999, 950, 901)] == [True] * 3
    assert not is_refused(counted, user_id="1")  # counted anew


def test_who_comes_again_is_not_the_oldest(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(limits, "MAX_CALLERS", 3)
    counted = make_limits(rate_limit_default="1 per minute")
    for user_id in "a", "b", "c":
        counted.spend("default", user_id, None)
    clock.now += 60
    counted.spend("default", "a", None)
    counted.spend("default", "d", None)
    assert is_refused(counted, user_id="a")


def test_callers_are_forgotten_when_their_window_has_ended(clock: Clock) -> None:
    counted = make_limits(rate_limit_default="1 per minute")
    for number in range(1000):
        counted.spend("default", str(number), None)
    clock.now += 60
    sizes = []
    for number in range(1000, 2100):
        counted.spend("default", str(number), None)
        sizes.append(held(counted))
    assert sizes[0] == 999  # two leave when one comes: no request looks at all of them
    assert all(after - before in (-1, 0, 1) for before, after in itertools.pairwise(sizes))
    clock.now += 60
    for number in range(3000, 4200):
        counted.spend("default", str(number), None)
    assert held(counted) == 1200


# over HTTP


@pytest.fixture
def make_api(make_app: Callable[..., Flask]) -> Callable[..., Api]:
    def make(**settings: Any) -> Api:
        return Api(make_app(auth_mode="token", jwt_secret=SECRET, **settings).test_client())

    return make


def test_answers_tell_the_budget_and_the_refusal_when_to_come_back(make_app: Callable[..., Flask]) -> None:
    client = make_app(rate_limit_default="2 per minute").test_client()
    user_id = client.post("/users/create", json={"username": "ann"}).json["id"]
    for remaining in "1", "0":
        response = client.get(f"/unread?user_id={user_id}")
        assert response.status_code == 200
        assert response.headers["X-RateLimit-Limit"] == "2"
        assert response.headers["X-RateLimit-Remaining"] == remaining
        assert 1 <= int(response.headers["X-RateLimit-Reset"]) <= 60
    refused = client.get(f"/unread?user_id={user_id}")
    assert (refused.status_code, refused.json["code"]) == (429, "rate_limited")
    assert refused.mimetype == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["X-RateLimit-Remaining"] == "0"


def test_without_a_limit_nothing_is_told_or_counted(make_app: Callable[..., Flask]) -> None:
    client = make_app().test_client()
    for _ in range(50):
        response = client.post("/users/create", json={"username": "ann"})
        assert response.status_code == 200
        assert not [name for name, _ in response.headers if name.startswith("X-RateLimit")]


def test_health_pages_and_permissions_cost_nothing(make_app: Callable[..., Flask]) -> None:
    client = make_app(rate_limit_default="1 per hour").test_client()
    for _ in range(3):
        for path in "/", "/health", "/ready", "/web/index.html":
            with client.get(path) as response:
                assert response.status_code == 200
        assert client.options("/unread").status_code == 200


def test_sign_ups_count_by_address_and_do_not_use_up_the_rest(make_api: Callable[..., Api]) -> None:
    api = make_api(rate_limit_signup="2 per hour", rate_limit_default="1 per hour")
    ann, bob = api.users("ann", "bob")
    assert api.request("POST", "/users/create", {"username": "eve"}, 429)["code"] == "rate_limited"
    for user in ann, bob:
        api.request("GET", "/unread", **bearer(user["access_token"]))
        api.request("GET", "/unread", status=429, **bearer(user["access_token"]))


def test_many_who_sign_in_from_one_office_do_not_get_in_each_others_way(make_api: Callable[..., Api]) -> None:
    """Each brings a token of its own, so each has a budget of its own."""
    api = make_api(rate_limit_signup="1 per hour")
    for _ in range(3):
        provided = bearer(signed(str(uuid4())))
        api.user("ann", **provided)
        api.request("POST", "/users/create", {"username": "ann"}, 429, **provided)


def test_who_tries_tokens_is_counted_too(make_api: Callable[..., Api]) -> None:
    api = make_api(rate_limit_default="3 per hour")
    user = api.user()
    for token in "guess", signed(user["id"], secret="x" * 32), signed(user["id"], exp=1):
        api.request("GET", "/unread", status=401, **bearer(token))
    assert api.request("GET", "/unread", status=429, **bearer("guess"))["code"] == "rate_limited"
    assert api.request("GET", "/unread", status=429)["code"] == "rate_limited"
    api.request("GET", "/unread", **bearer(user["access_token"]))  # whoever has a good one is not held up by that


@pytest.mark.parametrize(
    ("proxies", "first", "second", "is_one_caller"),
    [
        (0, "198.51.100.1", "198.51.100.2", True),  # nobody is believed
        (1, "198.51.100.1", "198.51.100.2", False),
        (1, "198.51.100.1", "192.0.2.7, 198.51.100.1", True),  # what the client itself claims is further left
        (2, "198.51.100.1, 203.0.113.1", "198.51.100.2, 203.0.113.1", False),
        (1, "198.51.100.1:1111", "198.51.100.1:2222", True),  # some proxies add the port
        (1, "[2001:db8::1]:1111", "[2001:db8::2]:2222", True),
        (1, "nonsense-1", "nonsense-2", True),
    ],
)
def test_so_many_hops_of_a_proxy_are_believed_and_no_more(
    make_app: Callable[..., Flask], proxies: int, first: str, second: str, is_one_caller: bool
) -> None:
    client = make_app(rate_limit_signup="1 per hour", trusted_proxies=proxies).test_client()
    statuses = [
        client.post("/users/create", json={"username": "ann"}, headers={"X-Forwarded-For": hops}).status_code
        for hops in (first, second)
    ]
    assert statuses == [200, 429 if is_one_caller else 200]


# conversations


def test_a_conversation_counts_as_one_and_each_participant_as_one_more(make_app: Callable[..., Flask]) -> None:
    client = make_app(rate_limit_create="10 per hour").test_client()
    ann, *others = (client.post("/users/create", json={"username": "x"}).json["id"] for _ in range(10))

    def create(*participants: str) -> Any:
        body = {"owner_id": ann, "participant_ids": participants, "group_name": "g"}
        return client.post("/conversations/create", json=body)

    first = create(*others[:3])
    assert first.status_code == 200
    assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == ("10", "6")
    alone = create()
    assert alone.headers["X-RateLimit-Remaining"] == "5"
    refused = create(*others[:5])  # the request counts, its participants do not
    assert (refused.status_code, refused.json["code"]) == (429, "rate_limited")
    assert refused.headers["X-RateLimit-Remaining"] == "4"
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert create(*others[:3]).headers["X-RateLimit-Remaining"] == "0"
    assert create().status_code == 429
    assert len(client.get(f"/conversations?user_id={ann}").json) == 3  # another budget, and nothing was made


def test_in_token_mode_conversations_are_limited_by_user(make_api: Callable[..., Api]) -> None:
    api = make_api(rate_limit_signup="", rate_limit_create="3 per hour")
    ann, bob = api.users("ann", "bob")
    api.conversation(ann, bob, **bearer(ann["access_token"]))
    body = {"participant_ids": [bob["id"]], "group_name": "g"}
    api.request("POST", "/conversations/create", body, 429, **bearer(ann["access_token"]))
    api.conversation(bob, ann, **bearer(bob["access_token"]))


# over sockets


def test_requests_and_events_spend_one_budget(make_server: Callable[..., Server]) -> None:
    server = make_server(AUTH_MODE="token", JWT_SECRET=SECRET, RATE_LIMIT_SEND="3 per hour", RATE_LIMIT_DEFAULT="")
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob, **bearer(ann["access_token"]))
    payload = {"conversation_id": conversation["id"], "message": "hi"}
    with Device(server, auth={"token": ann["access_token"]}) as device:
        api.send(conversation, ann, **bearer(ann["access_token"]))
        assert device.call("sendMessage", payload)["message"] == "hi"
        assert device.call("sendMessage", {})["error"]["code"] == "validation_failed"  # counts: it had to be read
        assert device.call("sendMessage", payload)["error"]["code"] == "rate_limited"
        response = server.request(
            "POST",
            f"/conversations/{conversation['id']}/messages/create",
            {"message": "x"},
            **bearer(ann["access_token"]),
        )
        assert response.status == 429
        assert "user" in device.call("join", {})  # another budget
    api.send(conversation, bob, **bearer(bob["access_token"]))
    assert len(api.request("GET", f"/conversations/{conversation['id']}/messages", **bearer(bob["access_token"]))) == 3


def test_connecting_and_joining_spend_the_budget_of_the_user_and_refusals_that_of_the_address(
    make_server: Callable[..., Server],
) -> None:
    server = make_server(AUTH_MODE="token", JWT_SECRET=SECRET, RATE_LIMIT_DEFAULT="3 per hour")
    ann, bob = Api(server).users("ann", "bob")
    with Device(server, auth={"token": ann["access_token"]}) as device:
        assert "user" in device.call("join", {})
        assert "user" in device.call("join", {})
        assert device.call("join", {})["error"]["code"] == "rate_limited"
    Device(server, auth={"token": bob["access_token"]}).close()
    for expected in [401, 401, 401, 429]:
        assert server.request("GET", "/unread").status == expected
    assert server.request("GET", "/unread", **bearer(ann["access_token"])).status == 429
    assert server.request("GET", "/unread", **bearer(bob["access_token"])).status == 200
