"""Bodies that are no JSON, no object, too large or of another media type; queries and headers that make no sense."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from tests.support.answers import problem, refuses
from tests.support.catalogue import BODIES, PAYLOADS, QUERIES
from tests.support.world import World

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def world(client: FlaskClient, sql: Callable[..., list[Any]]) -> World:
    return World(client, sql)


NO_JSON = [
    b"{",
    b"}",
    b"{'username': 'ann'}",
    b'{"username": "ann",}',
    b'{"username": "ann"} {}',
    b'{"username": "a\nb"}',
    b'{"username": "\\x"}',
    b'{"username": "\\ud8"}',
    b'{"username": NaN}',
    b'{"unknown": Infinity}',
    b'{"unknown": [-Infinity]}',
    b'{"unknown": 01}',
    b"undefined",
    b"username=ann",
    b"\0",
    b" ",
    b'{"username": "\xff\xfe"}',
    b'{"username": "\xc3"}',
    "{'username': 'é'}".encode("latin-1"),
    b"\xef\xbb\xbf",
    b"\x1f\x8b\x08\x00",
    b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"unknown": ' * 80_000 + b"1" + b"}" * 80_000,
    b'{"unknown": ' + b"9" * 10_000 + b"}",
]

NO_OBJECT = [b"null", b"true", b"1", b"1e999", b'"text"', b"[]", b"[{}]", b"[[1]]"]

NOTHING: list[dict[str, Any]] = [
    {},
    {"data": b"", "content_type": JSON},
    {"data": b"{}", "content_type": JSON},
    {"data": b"", "content_type": "text/plain"},
    {"data": b"", "content_type": FORM},
    {"data": b"&&=&", "content_type": FORM},
]

#: Whatever the route: what is sent, and the status and the code of the answer.
BAD_BODIES: list[tuple[dict[str, Any], int, str]] = [
    *(({"data": body, "content_type": JSON}, 400, "malformed_json") for body in NO_JSON),
    *(({"data": body, "content_type": JSON}, 422, "validation_failed") for body in NO_OBJECT),
    *((options, 422, "validation_failed") for options in NOTHING),
    *(
        ({"data": b'{"username": "ann"}', "content_type": kind}, 415, "unsupported_media_type")
        for kind in ("", "text/plain", "text/json", "application/xml", "multipart/form-data; boundary=b", "a/b", "é")
    ),
    *(
        ({"data": b"{}".ljust(1024 * 1024 + 1), "content_type": kind}, 413, "body_too_large")
        for kind in (JSON, FORM, "text/plain")
    ),
]


def test_no_route_takes_a_bad_body(world: World, subtests: pytest.Subtests) -> None:
    before = world.stored()
    for payload in BODIES:
        for options, status, code in BAD_BODIES:
            with subtests.test(payload=str(payload), body=f"{options!r:.80}"):
                problem(payload.open(world, **options), status, code)
        assert world.stored() == before


def test_odd_bodies_that_are_json_are_served(client: FlaskClient, subtests: pytest.Subtests) -> None:
    for body, name in (
        (b'\xef\xbb\xbf{"username": "ann"}', "ann"),  # with a byte order mark
        (b'{"username": "ann", "username": "bob"}', "bob"),  # the last one counts
        (b' \r\n\t{"\\u0075sername" : "\\ud83d\\ude00"} ', "😀"),
        ('{"username": "שלום"}'.encode(), "שלום"),
        (b'{"username": "ann", "unknown": 1e999}', "ann"),
        (b'{"username": "ann", "unknown": ' + b"[" * 500 + b"]" * 500 + b"}", "ann"),
        (b'{"username": "ann"}'.ljust(1024 * 1024), "ann"),
    ):
        with subtests.test(body=body[:80]):
            response = client.post("/users/create", data=body, content_type=JSON)
            assert response.status_code == 200, response.text
            assert response.json["username"] == name


def test_half_a_surrogate_pair_in_raw_bytes_is_refused(client: FlaskClient) -> None:
    refuses(client.post("/users/create", data=b'{"username": "\xed\xa0\x80"}', content_type=JSON), "username")


def test_a_form_is_read_as_far_as_it_can_be(client: FlaskClient) -> None:
    refuses(client.post("/users/create", data=b"username=%00", content_type=FORM), "username")
    for body in (b"username=a%zz%", b"&;=&username=a%zz%&username=b&", b"username=a%25zz%25"):
        assert client.post("/users/create", data=body, content_type=FORM).json["username"] == "a%zz%"
    form = f"{FORM}; charset=utf-8"
    assert client.post("/users/create", data="username=%C3%A9+é".encode(), content_type=form).json["username"] == "é é"
    assert client.post("/users/create", data=b"username=a%ffb", content_type=FORM).status_code == 200


def test_json_that_curl_calls_a_form_is_told_so(client: FlaskClient) -> None:
    told = client.post("/users/create", data='{"username": "ann"}', content_type="application/x-www-form-urlencoded")
    assert told.status_code == 415
    assert "application/json" in told.json["detail"]


def test_odd_queries_never_break_a_route(world: World, subtests: pytest.Subtests) -> None:
    odd = ("%", "%zz", "%00", "%ff", "%00=%00", "&&==&", "=", ";", "a=%ed%a0%80", "\x7f", "é=é", "a" * 100_000)
    for payload in QUERIES:
        anonymous = urlencode({name: value for name, value in payload.example(world).items() if name != "user_id"})
        for query in odd:
            with subtests.test(payload=str(payload), query=query[:80]):
                assert payload.open(world, query=f"{urlencode(payload.example(world))}&{query}").status_code == 200
                if payload.needs("user_id"):
                    refuses(payload.open(world, query=f"{anonymous}&{query}"), "user_id")
        for user_id in ("", "%00", "%ff", "%", f"{world.ann}%00", f"%20{world.ann}", f"{world.ann}%0A"):
            with subtests.test(payload=str(payload), user_id=user_id):
                refuses(payload.open(world, query=f"{anonymous}&user_id={user_id}"), "user_id")


def test_of_a_repeated_parameter_the_first_counts(world: World, subtests: pytest.Subtests) -> None:
    for payload in QUERIES:
        with subtests.test(payload=str(payload)):
            example = urlencode(payload.example(world))
            assert payload.open(world, query=f"{example}&user_id=x").status_code == 200
            refuses(payload.open(world, query=f"user_id=x&{example}"), "user_id")


def test_odd_headers_never_break_a_route(world: World, subtests: pytest.Subtests) -> None:
    for payload in PAYLOADS:
        for value in ("", "x", "\x7f", "é", "'; --", "x" * 10_000, "[]"):
            with subtests.test(payload=str(payload), value=value[:80]):
                headers = dict.fromkeys(("X-Socket-ID", "X-Request-ID", "Accept", "Referer", "Range", "Cookie"), value)
                response = payload.send(world, payload.example(world), headers=headers)
                assert response.status_code == 200, response.text
