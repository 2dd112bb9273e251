"""CONVERSATION_MESSAGES: how many messages `GET /conversations` carries when nothing is asked."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.support.client import Api


def carried(api: Api, query: str = "") -> list[str]:
    """Return the texts that a listed conversation of twelve messages carries."""
    ann = api.user("ann")
    conversation = api.conversation(ann)
    for number in range(12):
        api.send(conversation, ann, str(number))
    (listed,) = api.conversations(ann, query)
    return [message["message"] for message in listed["messages"]]


@pytest.mark.parametrize(("settings", "count"), [({}, 10), ({"conversation_messages": 12}, 12)])
def test_the_newest_messages_come_along(make_app: Callable[..., Flask], settings: dict[str, Any], count: int) -> None:
    app = make_app(**settings)
    assert carried(Api(app.test_client())) == [str(number) for number in range(12 - count, 12)]
    assert len(carried(Api(app.test_client()), "limit=50")) == count  # of another user


def test_none_may_come_along(make_app: Callable[..., Flask]) -> None:
    assert carried(Api(make_app(conversation_messages=0).test_client())) == []


def test_who_asks_gets_what_was_asked_for(make_app: Callable[..., Flask]) -> None:
    api = Api(make_app(conversation_messages=100).test_client())
    assert len(carried(api, "message_limit=3")) == 3
    assert carried(api, "message_limit=0") == []
