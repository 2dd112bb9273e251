"""Answers of many conversations end after two mebibytes, however long the messages are, and lead on to the rest."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.answers import link
from tests.support.client import Api

CONVERSATIONS = 12
#: A page may be over by its last conversation: 50 messages of 10,000 characters of four bytes.
MOST = 2 * 1024 * 1024 + 50 * 10_000 * 4 + 100_000

Sql = Callable[..., list[Any]]


@pytest.fixture
def ann(api: Api, sql: Sql) -> dict[str, Any]:
    """A user in conversations full of messages that are as long as they may be."""
    ann = api.user("ann")
    for _ in range(CONVERSATIONS):
        api.conversation(ann)
    sql(
        "insert into messages (conversation_id, user_id, message, seq, version) "
        "select c.id, c.owner_user_id, repeat('😀', 10000), n, n + 1 from conversations c, generate_series(1, 50) n"
    )
    sql("update conversations set last_seq = 50, version = 51")
    return ann


def test_sync_goes_on_until_everything_is_known(client: FlaskClient, ann: dict[str, Any]) -> None:
    known: dict[str, int] = {}
    answers = 0
    has_more = True
    while has_more:
        response = client.post("/sync", json={"user_id": ann["id"], "since": known})
        assert len(response.data) < MOST
        for conversation in response.json["conversations"]:
            known[conversation["id"]] = conversation["version"]
        has_more = response.json["has_more"]
        answers += 1
    assert len(known) == CONVERSATIONS
    assert 2 < answers <= CONVERSATIONS


def test_the_list_goes_on_in_pages(client: FlaskClient, ann: dict[str, Any]) -> None:
    seen: list[str] = []
    path: str | None = f"/conversations?user_id={ann['id']}&message_limit=50"
    while path:
        response = client.get(path)
        assert len(response.data) < MOST
        seen += [conversation["id"] for conversation in json.loads(response.data)]
        path = link(response, "next")
    assert len(seen) == len(set(seen)) == CONVERSATIONS


# pages of one conversation --------------------------------------------------------------------------------------------

MESSAGES = 150
#: Each is 60 KB of JSON; a page may be over by one.
LONG = "\x01" * 10_000
PAGE = 2 * 1024 * 1024 + 62_000


@pytest.fixture
def long_talk(api: Api, sql: Sql) -> dict[str, Any]:
    """A conversation whose messages are as long as they may be, as JSON, but for every tenth."""
    opened = api.conversation(api.user("bob"))
    sql(
        "insert into messages (conversation_id, user_id, message, seq, version, created_at) "
        "select c.id, c.owner_user_id, case when n %% 10 = 0 then 'short' else %s end, n, n + 1, "
        "'2024-01-01'::timestamptz + n * interval '1 second' from conversations c, generate_series(1, %s) n",
        *(LONG, MESSAGES),
    )
    sql("update conversations set last_seq = %s, version = %s", MESSAGES, MESSAGES + 1)
    return opened


def walk(client: FlaskClient, path: str, relation: str) -> list[list[int]]:
    """Return the numbers in the page at `path`, and in those that its links of this relation lead to."""
    found = []
    following: str | None = path
    while following:
        response = client.get(following)
        assert len(response.data) <= PAGE
        seqs = [message["seq"] for message in json.loads(response.data)]
        assert seqs == list(range(seqs[0], seqs[-1] + 1))
        assert response.headers["X-Has-More-Before"] == str(seqs[0] > 1).lower()
        assert response.headers["X-Has-More-After"] == str(seqs[-1] < MESSAGES).lower()
        assert (link(response, "prev") is None) == (seqs[0] == 1)
        assert (link(response, "next") is None) == (seqs[-1] == MESSAGES)
        found.append(seqs)
        following = link(response, relation)
    return found


def joined(pages: list[list[int]]) -> list[int]:
    return [seq for page in pages for seq in page]


@pytest.mark.parametrize(
    ("query", "relation", "expected"),
    [
        ("", "prev", range(1, MESSAGES + 1)),
        ("limit=200", "prev", range(1, MESSAGES + 1)),
        (f"before_seq={MESSAGES + 1}&limit=200", "prev", range(1, MESSAGES + 1)),
        ("before_seq=101&limit=60", "prev", range(1, 101)),
        ("after_seq=0&limit=200", "next", range(1, MESSAGES + 1)),
        ("after_seq=40&limit=60", "next", range(41, MESSAGES + 1)),
        ("last_message_date=2024-01-01T00:00:00Z", "next", range(1, MESSAGES + 1)),
        ("last_message_date=2024-01-01T00:01:00Z", "next", range(61, MESSAGES + 1)),
    ],
)
def test_pages_of_long_messages_end_early_and_lead_through_everything_once(
    client: FlaskClient, long_talk: dict[str, Any], query: str, relation: str, expected: range
) -> None:
    pages = walk(client, f"/conversations/{long_talk['id']}/messages?{query}", relation)
    in_order = pages if relation == "next" else pages[::-1]
    assert joined(in_order) == list(expected)
    assert len(pages) >= len(expected) / 40
    assert all(len(page) > 30 for page in pages[:-1])  # and not earlier than they must


@pytest.mark.parametrize("around", [1, 2, 75, MESSAGES - 1, MESSAGES, 10 * MESSAGES])
def test_a_page_around_a_long_message_leads_both_ways(
    client: FlaskClient, long_talk: dict[str, Any], around: int
) -> None:
    path = f"/conversations/{long_talk['id']}/messages?around_seq={around}&limit=200"
    before, after = walk(client, path, "prev"), walk(client, path, "next")
    assert before[0] == after[0]
    assert min(around, MESSAGES) in before[0]
    assert joined(before[::-1]) + joined(after[1:]) == list(range(1, MESSAGES + 1))


def test_a_page_that_only_just_fits_comes_whole(client: FlaskClient, api: Api, sql: Sql) -> None:
    opened = api.conversation(api.user("bob"))
    sql(
        "insert into messages (conversation_id, user_id, message, seq, version) "
        "select c.id, c.owner_user_id, repeat('x', 9500), n, n + 1 from conversations c, generate_series(1, 200) n"
    )
    sql("update conversations set last_seq = 200, version = 201")
    assert len(api.messages(opened, "limit=200")) == 200


def test_lists_and_syncs_of_long_messages_are_pages_too(
    client: FlaskClient, long_talk: dict[str, Any], api: Api, sql: Sql
) -> None:
    bob = long_talk["owner_user_id"]
    others = [api.conversation({"id": bob})["id"] for _ in range(5)]
    sql(
        "insert into messages (conversation_id, user_id, message, seq, version) "
        "select c.id, c.owner_user_id, %s, n, n + 1 "
        "from conversations c, generate_series(1, 20) n where c.id = any(%s)",
        *(LONG, others),
    )
    sql("update conversations set last_seq = 20, version = 21 where id = any(%s)", others)
    every = [*others, long_talk["id"]]
    most = 2 * 1024 * 1024 + 1_200_000  # over by one conversation

    seen: list[str] = []
    path: str | None = f"/conversations?user_id={bob}&message_limit=100"
    while path:
        response = client.get(path)
        assert len(response.data) < most
        page = json.loads(response.data)
        assert all(each["messages"][-1]["seq"] == each["last_seq"] for each in page)
        seen += [each["id"] for each in page]
        path = link(response, "next")
    assert sorted(seen) == sorted(every)

    synced: dict[str, Any] = {}
    body: dict[str, Any] = {"since": {}}
    has_more = True
    while has_more:
        response = client.post("/sync", json={"user_id": bob, "limit": 200, **body})
        assert len(response.data) < most
        assert not {each["id"] for each in response.json["conversations"]} & synced.keys()
        synced |= {each["id"]: each for each in response.json["conversations"]}
        body, has_more = {"cursor": response.json["cursor"]}, response.json["has_more"]
    assert synced.keys() == set(every)
    for each in synced.values():
        newest = [message["seq"] for message in each["messages"]]
        assert newest == list(range(each["last_seq"] - len(newest) + 1, each["last_seq"] + 1))
        assert each["recovered"] is (len(newest) == each["last_seq"])
    assert synced[long_talk["id"]]["recovered"] is False
