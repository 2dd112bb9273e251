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
