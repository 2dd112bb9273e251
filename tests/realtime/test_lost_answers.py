"""A send that is repeated because its answer was lost: announced again while that may be news to somebody."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.support.client import Api
from tests.support.server import Device, Server

MakeServer = Callable[..., Server]


@pytest.fixture
def url(make_database: Callable[..., str]) -> str:
    return make_database()


def messages(device: Device) -> list[Any]:
    return [(data["id"], data["version"]) for event, data in device.heard_so_far() if event == "message"]


def test_a_repeated_send_is_announced_again_within_a_minute_by_whichever_process(
    make_server: MakeServer, url: str, connect: Callable[..., Device]
) -> None:
    first, second = (make_server(DATABASE_URL=url) for _ in range(2))
    api, other_api = Api(first), Api(second)
    ann, bob = api.users("ann", "bob")
    opened = api.conversation(ann, bob)
    here, there = connect(first, bob), connect(second, bob)
    sent = api.send(opened, ann, "once", "c-1")
    event = [(sent["id"], sent["version"])]
    assert (messages(here), messages(there)) == (event, [])
    later = api.send(opened, ann, "later", "c-2")
    assert messages(here) == [(later["id"], later["version"])]

    assert other_api.send(opened, ann, "another text", "c-1") == sent
    assert (messages(here), messages(there)) == ([], event)  # as it was: clients drop by its version what they know
    device = connect(first, ann)
    repeated = device.call("sendMessage", {"conversation_id": opened["id"], "message": "?", "client_id": "c-1"})
    assert repeated == sent
    assert (messages(here), messages(there)) == (event, [])
    first.stop()
    first.start()  # what is announced again does not hang on the memory of a process
    here = connect(first, bob)
    assert Api(first).send(opened, ann, "once", "c-1") == sent
    assert messages(here) == event

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("update messages set created_at = created_at - interval '61 seconds'")
    for server in (first, second):
        answer = Api(server).send(opened, ann, "once", "c-1")
        assert answer["id"] == sent["id"]
    assert (messages(here), messages(there)) == ([], [])
    assert [each["message"] for each in Api(second).messages(opened)] == ["once", "later"]
