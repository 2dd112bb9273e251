"""Identity over HTTP: tokens made here, tokens of others, and what a forged one gets."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask

from tests.support.client import Api
from tests.support.identity import HOUR, SECRET, Provider, SigningKey, bearer, claims, forged, signed


@pytest.fixture
def api(make_api: Callable[..., Api]) -> Api:
    """The client of an app in token mode that signs tokens itself."""
    return make_api()


def code(problem: dict[str, Any]) -> str:
    return str(problem["code"])


# tokens of this server


def test_sign_up_answers_with_a_token_that_says_who_for_how_long_and_for_whom(api: Api) -> None:
    user = api.user("ann")
    assert (user["token_type"], user["expires_in"]) == ("bearer", 30 * 24 * HOUR)
    said = jwt.decode(user["access_token"], SECRET, ["HS256"], audience="authenticated")
    assert said["sub"] == user["id"]
    assert said["iat"] == pytest.approx(time.time(), abs=60)
    assert said["exp"] - int(said["iat"]) == user["expires_in"]
    api.request("GET", "/unread", **bearer(user["access_token"]))


def test_life_and_audience_of_a_token_are_settings(make_api: Callable[..., Api]) -> None:
    api = make_api(access_token_ttl=60, jwt_audience="my-app")
    user = api.user()
    assert user["expires_in"] == 60
    assert jwt.decode(user["access_token"], SECRET, ["HS256"], audience="my-app")["exp"] <= time.time() + 60
    assert code(api.request("GET", "/unread", status=401, **bearer(signed(user["id"])))) == "token_invalid"


def test_a_token_can_be_exchanged_for_a_fresh_one_until_it_expires(api: Api) -> None:
    user = api.user()
    fresh = api.request("POST", "/tokens/refresh", **bearer(user["access_token"]))
    assert fresh.keys() == {"access_token", "token_type", "expires_in"}
    api.request("GET", "/unread", **bearer(fresh["access_token"]))
    expired = signed(user["id"], iss="chat", exp=int(time.time()) - 1)
    assert code(api.request("POST", "/tokens/refresh", status=401, **bearer(expired))) == "token_expired"


def test_a_token_can_be_exchanged_after_sign_up_was_closed(make_api: Callable[..., Api]) -> None:
    user = make_api().user()
    make_api(signup="closed").request("POST", "/tokens/refresh", **bearer(user["access_token"]))


def test_the_fresh_token_is_not_dated_before_the_one_it_replaces(api: Api) -> None:
    """The clock of the machine that made the first may be ahead, and a revocation lie in between."""
    user = api.user()
    ahead = time.time() + 100
    fresh = api.request("POST", "/tokens/refresh", **bearer(signed(user["id"], iss="chat", iat=ahead)))
    assert jwt.decode(fresh["access_token"], options={"verify_signature": False})["iat"] >= ahead


def test_a_token_of_another_issuer_is_not_exchanged(make_api: Callable[..., Api]) -> None:
    """Not one with the same secret, nor one that claims our name but is signed with the provider's key."""
    key = SigningKey()
    with Provider(key) as provider:
        api = make_api(jwt_jwks_url=provider.url)
        user_id = str(uuid4())
        for token in signed(user_id), key.token(user_id), key.token(user_id, iss="chat"):
            api.user("ann", **bearer(token))
            assert code(api.request("POST", "/tokens/refresh", status=403, **bearer(token))) == "not_allowed"


def test_revoking_ends_every_token_issued_before_and_on_every_process(make_api: Callable[..., Api]) -> None:
    here, elsewhere = make_api(), make_api()
    user = here.user()
    phone = here.request("POST", "/tokens/refresh", **bearer(user["access_token"]))
    revoked = here.request("POST", "/tokens/revoke", **bearer(user["access_token"]))
    assert revoked["user_id"] == user["id"]
    for api in here, elsewhere:
        for token in user["access_token"], phone["access_token"]:
            for method, path in ("GET", "/unread"), ("POST", "/tokens/refresh"), ("POST", "/tokens/revoke"):
                assert code(api.request(method, path, status=401, **bearer(token))) == "token_invalid"
            assert (
                code(api.request("POST", "/users/create", {"username": "x"}, 401, **bearer(token))) == "token_invalid"
            )
        api.request("GET", "/unread", **bearer(revoked["access_token"]))
        api.request("POST", "/tokens/refresh", **bearer(revoked["access_token"]))


def test_revoking_spares_other_users(api: Api) -> None:
    ann, bob = api.users("ann", "bob")
    api.request("POST", "/tokens/revoke", **bearer(ann["access_token"]))
    api.request("GET", "/unread", **bearer(bob["access_token"]))


def test_revoking_ends_the_token_at_hand_even_if_its_clock_was_ahead(api: Api) -> None:
    user = api.user()
    token = signed(user["id"], iss="chat", iat=time.time() + 100)
    fresh = api.request("POST", "/tokens/revoke", **bearer(token))
    assert code(api.request("GET", "/unread", status=401, **bearer(token))) == "token_invalid"
    api.request("GET", "/unread", **bearer(fresh["access_token"]))


def test_revoking_ends_a_providers_tokens_too_and_those_without_a_date(api: Api) -> None:
    user_id = str(uuid4())
    token, undated = signed(user_id), signed(user_id, iat=None)
    api.user("ann", **bearer(token))
    assert api.request("POST", "/tokens/revoke", **bearer(token)) == {"user_id": user_id}
    for each in token, undated:
        assert code(api.request("GET", "/unread", status=401, **bearer(each))) == "token_invalid"
    api.request("GET", "/unread", **bearer(signed(user_id, iat=time.time() + 2)))


# tokens that are not accepted


def unsigned(user_id: str, algorithm: str = "none") -> str:
    return forged(user_id, b"", {"alg": algorithm, "typ": "JWT"}).rpartition(".")[0] + "."


NOW = int(time.time())
REFUSED: dict[str, tuple[Callable[[str], str], str]] = {
    "expired": (lambda id: signed(id, exp=NOW - 1), "token_expired"),
    "wrong secret": (lambda id: signed(id, secret="another secret that is as long as the first"), "token_invalid"),
    "alg none": (unsigned, "token_invalid"),
    "alg None": (lambda id: unsigned(id, "None"), "token_invalid"),
    "no signature": (lambda id: signed(id).rpartition(".")[0] + ".", "token_invalid"),
    "another HMAC": (lambda id: jwt.encode(claims(id), SECRET + SECRET, "HS512"), "token_invalid"),
    "a key nobody published": (lambda id: SigningKey().token(id), "token_invalid"),
    "no exp": (lambda id: signed(id, exp=None), "token_invalid"),
    "exp no number": (lambda id: signed(id, exp="tomorrow"), "token_invalid"),
    "no sub": (lambda id: signed(id, sub=None), "token_invalid"),
    "sub no UUID": (lambda id: signed("ann"), "token_invalid"),
    "sub a UUID in braces": (lambda id: signed("{" + id + "}"), "token_invalid"),
    "sub without hyphens": (lambda id: signed(id.replace("-", "")), "token_invalid"),
    "sub empty": (lambda id: signed(""), "token_invalid"),
    "no aud": (lambda id: signed(id, aud=None), "token_invalid"),
    "wrong aud": (lambda id: signed(id, aud="service"), "token_invalid"),
    "future nbf": (lambda id: signed(id, nbf=NOW + HOUR), "token_invalid"),
    "iat in milliseconds": (lambda id: signed(id, iat=NOW * 1000), "token_invalid"),
    "iat beyond all time": (lambda id: signed(id, iat=1e300), "token_invalid"),
    "iat that is no number": (lambda id: signed(id, iat=float("nan")), "token_invalid"),
    "iat before all time": (lambda id: signed(id, iat=-1e300), "token_invalid"),
    "iat no number": (lambda id: signed(id, iat="today"), "token_invalid"),
    "changed payload": (lambda id: "e30".join(signed(id).partition(".")[1::2]), "token_invalid"),
    "text": (lambda id: "let-me-in", "token_invalid"),
    "three dots": (lambda id: "...", "token_invalid"),
    "not ASCII": (lambda id: "ä.ö.ü", "token_invalid"),
    "Supabase's anon key": (lambda id: signed(id, sub=None, aud=None, role="anon"), "token_invalid"),
    "Supabase's service key": (lambda id: signed(id, sub=None, aud=None, role="service_role"), "token_invalid"),
}


@pytest.mark.parametrize("mode", ["token", "open"])
def test_a_bad_token_is_refused_with_its_code(make_api: Callable[..., Api], mode: str) -> None:
    api = make_api(auth_mode=mode)
    user_id = api.user()["id"]
    for path in "/tokens/refresh", "/users/create":
        got = {
            name: code(api.request("POST", path, {"username": "x"}, 401, **bearer(make(user_id))))
            for name, (make, _) in REFUSED.items()
        }
        assert got == {name: expected for name, (_, expected) in REFUSED.items()}


def test_another_authorization_than_a_bearer_token_is_refused(api: Api) -> None:
    for header in "Basic YW5uOmFubg==", "Bearer", "Bearer ", "Token abc", "Bearer a b", "Bearer a,b":
        assert code(api.request("GET", "/unread", status=401, Authorization=header)) == "token_invalid", header


def test_the_word_bearer_may_be_written_in_any_case(api: Api) -> None:
    api.request("GET", "/unread", Authorization="bearer " + api.user()["access_token"])


def test_an_answer_401_names_the_scheme(api: Api, make_app: Callable[..., Flask]) -> None:
    response = make_app(auth_mode="token", jwt_secret=SECRET).test_client().get("/unread")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json["code"] == "authentication_required"


def test_a_public_key_is_no_secret(make_api: Callable[..., Api]) -> None:
    """Whoever signs with the published key as if it were an HMAC secret gets nowhere, however the key is written."""
    key = SigningKey("RS256")
    public = key.private.public_key()
    texts = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(key.public()).encode(),
        key.public()["n"].encode(),
    ]
    with Provider(key) as provider:
        user_id = str(uuid4())
        for secret in SECRET, "":
            api = make_api(jwt_jwks_url=provider.url, jwt_secret=secret)
            api.user("ann", **bearer(key.token(user_id)))
            for text in texts:
                for algorithm in "HS256", "RS256":
                    token = forged(user_id, text, {"alg": algorithm, "kid": key.kid})
                    assert code(api.request("GET", "/unread", status=401, **bearer(token))) == "token_invalid"


def test_without_a_secret_no_hmac_token_is_accepted(make_api: Callable[..., Api]) -> None:
    with Provider(SigningKey()) as provider:
        api = make_api(jwt_jwks_url=provider.url, jwt_secret="")
        for secret in b"", SECRET.encode():
            token = forged(str(uuid4()), secret, {"alg": "HS256"})
            assert code(api.request("GET", "/unread", status=401, **bearer(token))) == "token_invalid"
