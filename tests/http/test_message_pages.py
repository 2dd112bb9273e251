"""Messages: listed, a page at a time, oldest first."""

from collections.abc import Callable
from itertools import chain, combinations
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.answers import link, pages, problem
from tests.support.client import Api

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def ann(api: Api) -> dict[str, Any]:
    return api.user("ann")


@pytest.fixture
def empty(api: Api, ann: dict[str, Any]) -> dict[str, Any]:
    """A conversation of ann's without messages."""
    return api.conversation(ann)


@pytest.fixture
def ten(empty: dict[str, Any], ann: dict[str, Any], sql: Callable[..., list[Any]]) -> dict[str, Any]:
    """A conversation with ten messages, a second apart."""
    fill(sql, empty, ann, 10)
    return empty


def fill(sql: Callable[..., list[Any]], conversation: dict[str, Any], user: dict[str, Any], count: int) -> None:
    """Let the user have sent `count` messages, faster than by requests."""
    sql(
        """
        insert into messages (conversation_id, user_id, message, seq, version, created_at)
        select %s, %s, 'message ' || n, n, n + 1, now() + n * interval '1 second' from generate_series(1, %s) as n
        """,
        conversation["id"],
        user["id"],
        count,
    )
    sql("update conversations set last_seq = %s, version = %s where id = %s", count, count + 1, conversation["id"])


def page(client: FlaskClient, conversation: dict[str, Any], query: str = "") -> tuple[list[int], str, str]:
    """Return the numbers of a page's messages and whether there are more before and after."""
    response = client.get(path(conversation, query))
    assert response.status_code == 200, response.text
    before, after = response.headers["X-Has-More-Before"], response.headers["X-Has-More-After"]
    assert (link(response, "prev") is None) == (before == "false")
    assert (link(response, "next") is None) == (after == "false")
    return [message["seq"] for message in response.json], before, after


def path(conversation: dict[str, Any], query: str = "") -> str:
    return f"/conversations/{conversation['id']}/messages?{query}"


def test_the_list_is_read_by_whoever_names_nobody_but_not_by_a_named_stranger(
    api: Api, client: FlaskClient, ten: dict[str, Any], ann: dict[str, Any]
) -> None:
    assert len(api.messages(ten)) == len(api.messages(ten, f"user_id={ann['id']}")) == 10
    stranger = api.user("eve")["id"]
    problem(client.get(path(ten, f"user_id={stranger}")), 404, "conversation_not_found")
    problem(client.get(path(ten, f"user_id={UNKNOWN}")), 404, "user_not_found")


#: What a page of ten messages holds, and whether there are more before and after.
PAGES = [
    ("", range(1, 11), "false", "false"),
    ("limit=3", range(8, 11), "true", "false"),
    ("limit=10", range(1, 11), "false", "false"),
    ("limit=9", range(2, 11), "true", "false"),
    ("before_seq=0", range(0), "false", "true"),
    ("before_seq=1", range(0), "false", "true"),
    ("before_seq=2", range(1, 2), "false", "true"),
    ("before_seq=5&limit=2", range(3, 5), "true", "true"),
    ("before_seq=3&limit=2", range(1, 3), "false", "true"),
    ("before_seq=11&limit=2", range(9, 11), "true", "false"),
    ("before_seq=99&limit=2", range(9, 11), "true", "false"),
    ("before_seq=9007199254740991", range(1, 11), "false", "false"),
    ("after_seq=0&limit=2", range(1, 3), "false", "true"),
    ("after_seq=5&limit=2", range(6, 8), "true", "true"),
    ("after_seq=8&limit=2", range(9, 11), "true", "false"),
    ("after_seq=9&limit=2", range(10, 11), "true", "false"),
    ("after_seq=10", range(0), "true", "false"),
    ("after_seq=99", range(0), "true", "false"),
    ("after_seq=9007199254740991&limit=200", range(0), "true", "false"),
    ("around_seq=0&limit=3", range(1, 4), "false", "true"),
    ("around_seq=1&limit=3", range(1, 4), "false", "true"),
    ("around_seq=2&limit=3", range(1, 4), "false", "true"),
    ("around_seq=3&limit=3", range(2, 5), "true", "true"),
    ("around_seq=5&limit=1", range(5, 6), "true", "true"),
    ("around_seq=9&limit=3", range(8, 11), "true", "false"),
    ("around_seq=10&limit=3", range(8, 11), "true", "false"),
    ("around_seq=99&limit=3", range(8, 11), "true", "false"),
    ("around_seq=5&limit=200", range(1, 11), "false", "false"),
]


def test_pages(client: FlaskClient, ten: dict[str, Any], subtests: pytest.Subtests) -> None:
    for query, numbers, before, after in PAGES:
        with subtests.test(query=query):
            assert page(client, ten, query) == (list(numbers), before, after)


def test_an_empty_conversation_has_one_empty_page(
    client: FlaskClient, empty: dict[str, Any], subtests: pytest.Subtests
) -> None:
    queries = [query for query, *_ in PAGES] + ["last_message_date=2000-01-01"]
    for query in queries:
        with subtests.test(query=query):
            assert page(client, empty, query) == ([], "false", "false")


def test_a_page_has_50_messages_unless_it_says_how_many(
    client: FlaskClient, empty: dict[str, Any], ann: dict[str, Any], sql: Callable[..., list[Any]]
) -> None:
    fill(sql, empty, ann, 120)
    assert page(client, empty, "after_seq=0") == (list(range(1, 51)), "false", "true")
    assert page(client, empty, "before_seq=121") == (list(range(71, 121)), "true", "false")
    around, before, after = page(client, empty, "around_seq=60")
    assert (len(around), before, after) == (50, "true", "true")
    assert 60 in around


def test_the_links_lead_to_each_message_once(
    client: FlaskClient, ten: dict[str, Any], subtests: pytest.Subtests
) -> None:
    def followed(first: str, relation: str) -> list[list[int]]:
        return [[message["seq"] for message in messages] for messages in pages(client, path(ten, first), relation)]

    for limit in (1, 3, 4, 200):
        around = f"around_seq=5&limit={limit}"
        ways = {
            "forwards": followed(f"after_seq=0&limit={limit}", "next"),
            "backwards": followed(f"before_seq=11&limit={limit}", "prev")[::-1],
            "back from the newest": followed(f"limit={limit}", "prev")[::-1],
            "both ways": [*followed(around, "prev")[::-1], *followed(around, "next")[1:]],
        }
        for way, numbers in ways.items():
            with subtests.test(way=way, limit=limit):
                assert [*chain(*numbers)] == list(range(1, 11))


def test_the_links_carry_the_caller_and_the_limit_on(
    client: FlaskClient, ten: dict[str, Any], ann: dict[str, Any]
) -> None:
    response = client.get(path(ten, f"around_seq=5&limit=3&user_id={ann['id']}"))
    for relation in ("prev", "next"):
        target = link(response, relation)
        assert target is not None
        assert f"user_id={ann['id']}" in target
        assert len(client.get(target).json) == 3


def test_a_conversation_of_more_than_a_thousand_messages_is_listed_from_its_newest_thousand(
    client: FlaskClient, empty: dict[str, Any], ann: dict[str, Any], sql: Callable[..., list[Any]]
) -> None:
    fill(sql, empty, ann, 1025)
    assert page(client, empty) == (list(range(26, 1026)), "true", "false")
    older = link(client.get(path(empty)), "prev")
    assert older is not None
    assert [message["seq"] for message in client.get(older).json] == list(range(1, 26))


def test_after_a_date_come_the_first_thousand_and_a_link_to_the_rest(
    client: FlaskClient, empty: dict[str, Any], ann: dict[str, Any], sql: Callable[..., list[Any]]
) -> None:
    fill(sql, empty, ann, 1025)
    start = "last_message_date=2000-01-01T00:00:00Z"
    assert page(client, empty, start) == (list(range(1, 1001)), "false", "true")
    numbers = [message["seq"] for messages in pages(client, path(empty, start), "next") for message in messages]
    assert numbers == list(range(1, 1026))


def test_more_than_one_cursor_is_refused(client: FlaskClient, ten: dict[str, Any], subtests: pytest.Subtests) -> None:
    cursors = ["before_seq=1", "after_seq=0", "around_seq=1", "last_message_date=2026-01-01"]
    for query in [*map("&".join, combinations(cursors, 2)), "&".join(cursors)]:
        with subtests.test(query=query):
            problem(client.get(path(ten, query)), 422, "validation_failed")
