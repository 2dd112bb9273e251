"""An identity provider's published keys: fetched, rotated, out of reach."""

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from chat.auth import jwks
from chat.auth.jwks import KeySet
from chat.errors import Unauthorized
from tests.support.client import Api
from tests.support.identity import Provider, SigningKey, bearer
from tests.support.server import Server


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as endpoint:
        yield endpoint


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A function that lets time pass for the key set."""
    passed = 0.0
    monkeypatch.setattr(jwks, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed))

    def let_pass(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    return let_pass


def refuses(keys: KeySet, kid: str | None) -> bool:
    try:
        keys.key(kid)
    except Unauthorized as error:
        return error.code == "token_invalid"
    return False


def eventually(holds: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


# through the app


def test_tokens_of_both_algorithms_are_verified_against_the_published_keys(
    make_app: Callable[..., Flask], provider: Provider
) -> None:
    keys = [SigningKey("ES256"), SigningKey("RS256")]
    provider.keys = [key.public() for key in keys]
    api = Api(make_app(auth_mode="token", jwt_jwks_url=provider.url).test_client())
    for key in keys:
        user_id = str(uuid4())
        assert api.user("ann", **bearer(key.token(user_id)))["id"] == user_id
        api.request("GET", "/unread", **bearer(key.token(user_id)))
    assert provider.requests == 1


def test_a_key_is_good_for_its_own_algorithm_only(make_app: Callable[..., Flask], provider: Provider) -> None:
    elliptic, rsa = SigningKey("ES256"), SigningKey("RS256")
    provider.keys = [elliptic.public(), rsa.public()]
    api = Api(make_app(auth_mode="token", jwt_jwks_url=provider.url).test_client())
    for key, other in (elliptic, rsa), (rsa, elliptic):
        token = key.token(str(uuid4()), kid=other.kid)
        assert api.request("POST", "/users/create", {"username": "x"}, 401, **bearer(token))["code"] == "token_invalid"


def test_the_address_follows_from_the_supabase_project(make_app: Callable[..., Flask], provider: Provider) -> None:
    key = SigningKey()
    provider.keys = [key.public()]
    project = provider.url.partition("/auth/")[0]
    api = Api(make_app(auth_mode="token", supabase_project_url=project).test_client())
    user_id = str(uuid4())
    assert api.user("ann", **bearer(key.token(user_id)))["id"] == user_id


def test_many_callers_at_once_ask_the_provider_once_and_block_nobody_else(
    make_server: Callable[..., Server], provider: Provider
) -> None:
    """The real server, under eventlet: while the provider takes its time everyone else is served."""
    key = SigningKey()
    provider.keys, provider.seconds = [key.public()], 2
    server = make_server(AUTH_MODE="token", JWT_JWKS_URL=provider.url, RATE_LIMIT_SIGNUP="")
    statuses: list[int] = []

    def sign_up() -> None:
        token = key.token(str(uuid4()))
        statuses.append(server.request("POST", "/users/create", {"username": "ann"}, **bearer(token)).status)

    callers = [threading.Thread(target=sign_up) for _ in range(10)]
    for caller in callers:
        caller.start()
    assert eventually(lambda: provider.requests == 1)
    assert server.request("GET", "/health").status == 200
    assert not statuses  # the provider has not answered yet
    for caller in callers:
        caller.join()
    assert statuses == [200] * 10
    assert provider.requests == 1


# the key set by itself


def test_a_rotated_key_is_found_by_its_unknown_name(provider: Provider, clock: Callable[[float], None]) -> None:
    old, new = SigningKey(), SigningKey()
    provider.keys = [old.public()]
    keys = KeySet(provider.url)
    keys.key(old.kid)
    clock(jwks.FETCH_INTERVAL + 1)
    provider.keys = [new.public(), old.public()]
    assert keys.key(new.kid).key_id == new.kid
    assert keys.key(old.kid).key_id == old.kid
    assert provider.requests == 2


def test_unknown_names_make_us_ask_once_a_minute_at_most(provider: Provider, clock: Callable[[float], None]) -> None:
    known = SigningKey()
    provider.keys = [known.public()]
    keys = KeySet(provider.url)
    for minute in range(1, 4):
        assert all(refuses(keys, uuid4().hex) for _ in range(20))
        assert provider.requests == minute
        clock(jwks.FETCH_INTERVAL + 1)


def test_a_withdrawn_key_stops_working(provider: Provider, clock: Callable[[float], None]) -> None:
    withdrawn, kept = SigningKey(), SigningKey()
    provider.keys = [withdrawn.public(), kept.public()]
    keys = KeySet(provider.url)
    keys.key(withdrawn.kid)
    provider.keys = [kept.public()]
    clock(jwks.KEYS_LIFETIME + 1)
    keys.key(kept.kid)
    assert eventually(lambda: refuses(keys, withdrawn.kid))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, None),
        (404, None),
        (200, "<html>"),
        (200, "[]"),
        (200, "{}"),
        (200, '{"keys": [1]}'),
        (200, '{"keys": null}'),
    ],
)
def test_the_last_good_keys_are_used_while_the_provider_is_down(
    provider: Provider, clock: Callable[[float], None], status: int, body: str | None
) -> None:
    key = SigningKey()
    provider.keys = [key.public()]
    keys = KeySet(provider.url)
    keys.key(key.kid)
    provider.status, provider.body = status, body
    clock(jwks.KEYS_LIFETIME)
    before = provider.requests

    def was_asked_three_times_in_vain() -> bool:
        clock(jwks.RETRY_INTERVAL + 1)
        assert keys.key(key.kid).key_id == key.kid
        return provider.requests >= before + 3

    assert eventually(was_asked_three_times_in_vain)


def test_with_known_keys_nobody_waits_for_a_slow_provider(provider: Provider, clock: Callable[[float], None]) -> None:
    key = SigningKey()
    provider.keys = [key.public()]
    keys = KeySet(provider.url)
    keys.key(key.kid)
    clock(jwks.KEYS_LIFETIME + 1)
    provider.seconds = 3
    started_at = time.perf_counter()
    for _ in range(100):
        keys.key(key.kid)
    assert time.perf_counter() - started_at < 2
    assert eventually(lambda: provider.requests == 2)


def test_a_first_fetch_that_failed_is_tried_again_within_seconds_and_not_at_every_request(
    provider: Provider, clock: Callable[[float], None]
) -> None:
    key = SigningKey()
    provider.keys, provider.status = [key.public()], 503
    keys = KeySet(provider.url)
    assert all(refuses(keys, key.kid) for _ in range(20))
    assert provider.requests == 1
    provider.status = 200
    clock(jwks.RETRY_INTERVAL + 1)
    assert keys.key(key.kid).key_id == key.kid
    assert jwks.RETRY_INTERVAL <= 10


def test_an_address_where_nobody_listens_is_a_refusal_and_not_an_error() -> None:
    assert refuses(KeySet("http://127.0.0.1:9/keys", timeout=1), "any")


def test_keys_that_do_not_belong_there_are_passed_over(provider: Provider) -> None:
    """A shared secret among public keys would let anyone who reads them sign; others are for what we do not do."""
    good = SigningKey()
    secret = {"kty": "oct", "kid": "shared", "alg": "HS256", "k": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA"}
    others: list[dict[str, Any]] = [
        secret,
        SigningKey().public(kid="encrypts", use="enc"),
        SigningKey().public(kid="no curve", crv="P-0", alg=None),
        {"kty": "new", "kid": "of a new kind"},
    ]
    provider.keys = [*others, good.public()]
    keys = KeySet(provider.url)
    assert keys.key(good.kid).key_id == good.kid
    assert all(refuses(keys, each["kid"]) for each in others)


def test_a_token_without_a_key_name_fits_a_set_of_one_key_only(provider: Provider) -> None:
    one, two = SigningKey(), SigningKey()
    provider.keys = [one.public()]
    assert KeySet(provider.url).key(None).key_id == one.kid
    provider.keys = [one.public(), two.public()]
    assert refuses(KeySet(provider.url), None)


def test_a_project_without_such_keys_publishes_an_empty_set(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    assert refuses(KeySet(provider.url), "any")
    assert not caplog.records
