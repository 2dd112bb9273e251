"""Bad input: every field of every payload with everything that clients get wrong.

The payloads are read off the app, so no new field can be forgotten. Whatever comes, the answer is 200 with the text
intact or a problem with the expected code, never a 5xx, and a request that fails has written nothing.
"""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from marshmallow import fields

from chat.schemas.fields import Id, Text
from tests.support.answers import problem, refuses
from tests.support.catalogue import PAYLOADS, Route
from tests.support.values import NAMED_BY, acceptable, beyond
from tests.support.world import World

UNKNOWN = "00000000-0000-4000-8000-000000000000"

#: What no field of an id, a time, a number, … expects, and a few things that fields of text must take.
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    7,
    -1,
    1.5,
    1e300,
    10**30,
    [],
    [[]],
    [None],
    ["x"],
    {},
    {"x": 1},
    {UNKNOWN: "x"},
    {UNKNOWN: None},
    "",
    " \t\r\n\u00a0\u2003 ",
    "x",
    "7",
    "-1",
    "1.0",
    "٣",
    "9" * 5000,
    "null",
    "\0",
    "a\0b",
    "a\ud800b",
    "\udc00",
    "😀 👩‍👩‍👧‍👦 e\u0301",
    "\u202eשלום עולם",
    "﷽",
    "\ufeffx",
    "\uffff",
    "'; drop table users; --",
    "%s %(x)s {0} ${x}",
    "<script>alert(1)</script>",
    "\\u0000 \\",
    "00000000-0000-4000-8000-00000000000",
    "{00000000-0000-4000-8000-000000000000}",
    "00000000000040008000000000000000",
    "2026-13-01",
    "now",
    "infinity",
    "x" * 1_000_000,
]


@pytest.fixture
def world(client: FlaskClient, sql: Callable[..., list[Any]]) -> World:
    return World(client, sql)


def texts(value: Any) -> set[str]:
    """Return all texts in a JSON value."""
    if isinstance(value, str):
        return {value}
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(texts, inner))


def values_for(payload: Route, field: fields.Field[Any]) -> list[Any]:
    """Return what to try in a field: everything in JSON, only texts and numbers (as text) elsewhere."""
    values = VALUES + beyond(field)
    if payload.location == "json":
        return values
    written = dict.fromkeys(str(value) for value in values if type(value) in (str, int))
    if payload.location in ("form", "files"):
        written.pop("x" * 1_000_000)  # more than a form may be: see test_large_bodies.py
    # Half of a surrogate pair cannot be written in UTF-8.
    return [value.encode(errors="replace").decode() for value in written]


def test_every_example_is_served(world: World, subtests: pytest.Subtests) -> None:
    for payload in PAYLOADS:
        with subtests.test(payload=str(payload)):
            response = payload.send(world, payload.example(world))
            assert response.status_code == 200, response.text


@pytest.mark.parametrize("payload", PAYLOADS, ids=str)
def test_every_field_with_every_value(world: World, payload: Route, subtests: pytest.Subtests) -> None:
    for name, field in payload.schema.fields.items():
        before = world.stored()
        for value in values_for(payload, field):
            with subtests.test(field=name, value=f"{value!r:.60}"):
                example = payload.example(world)
                if name == "cursor":
                    del example["since"]  # one or the other
                if name == "unread_from" and value is not None:  # alone
                    example = {key: each for key, each in example.items() if not key.endswith("_seq")}
                response = payload.send(world, example | {name: value})
                if acceptable(field, name, value):
                    if name == "version" and response.status_code == 409:  # it has been edited meanwhile
                        continue
                    assert response.status_code == 200, response.text
                    if isinstance(field, Text) and name not in ("cursor", "q"):
                        assert value is None or (value.strip() if field.trim else value) in texts(response.json)
                    before = world.stored()
                else:
                    refuses(response, name)
                    assert world.stored() == before


def test_every_field_missing(world: World, subtests: pytest.Subtests) -> None:
    for payload in PAYLOADS:
        for name in payload.schema.fields:
            with subtests.test(payload=str(payload), field=name):
                content = payload.example(world)
                content.pop(name, None)
                before = world.stored()
                response = payload.send(world, content)
                if payload.needs(name):
                    refuses(response, name)
                    assert world.stored() == before
                else:
                    assert response.status_code == 200, response.text


def test_an_unknown_id_is_404(world: World, subtests: pytest.Subtests) -> None:
    before = world.stored()
    for payload in PAYLOADS:
        for name, field in payload.schema.fields.items():
            many = isinstance(field, fields.List) and isinstance(field.inner, Id)
            if many or isinstance(field, Id):
                with subtests.test(payload=str(payload), field=name):
                    if (noun := NAMED_BY.get(name, "user")) is None:
                        continue
                    content = payload.example(world) | {name: [world.bob, UNKNOWN] if many else UNKNOWN}
                    problem(payload.send(world, content), 404, f"{noun}_not_found")
                    assert world.stored() == before


def test_a_place_that_is_none_or_unknown_or_someone_elses_is_404(world: World, subtests: pytest.Subtests) -> None:
    before = world.stored()
    none = ("x", "1", "%00", "%ff", "%F0%9F%98%80", "x" * 10_000, "null", world.conversation + "0")
    for payload in PAYLOADS:
        if payload.place:
            with subtests.test(payload=str(payload)):
                example = payload.example(world)
                for id in (UNKNOWN, world.hidden, world.ann, *none):
                    problem(payload.send(world, example, id), 404, f"{payload.place}_not_found")
                problem(payload.send(world, example | {"user_id": world.eve}), 404, f"{payload.place}_not_found")
                assert world.stored() == before


def test_an_unknown_field_is_ignored(world: World, subtests: pytest.Subtests) -> None:
    more = {"unknown": "x", "id": UNKNOWN, "__proto__": "x", "": "x", "a\0": "x"}
    for payload in PAYLOADS:
        with subtests.test(payload=str(payload)):
            assert payload.send(world, payload.example(world) | more).status_code == 200
