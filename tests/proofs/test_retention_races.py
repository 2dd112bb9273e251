"""Retention while the conversation lives: sends, pages, syncs, receipts and uploads at the same time."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Storage
from tests.proofs.test_race import at_once
from tests.storage.test_attachments import DAY, add, send
from tests.storage.test_retention import age, sweep
from tests.storage.test_storage import make_conversation, make_users

Sql = Callable[..., list[Any]]
OLD, SENT = 300, 60


@pytest.fixture
def members(direct: Storage) -> list[Caller]:
    return make_users(direct, "ann", "bob", "cid")


@pytest.fixture
def conversation(direct: Storage, members: list[Caller], sql: Sql) -> str:
    """A conversation whose first messages, every seventh a system message, are too old."""
    id = make_conversation(direct, *members)
    for number in range(1, OLD + 1):
        direct.send_message(members[0], id, {"message": str(number)})
    sql("update messages set type = 'system' where mod(seq, 7) = 0")
    sql("update messages set system_count = seq / 7")
    sql("update conversations set system_count = %s", OLD // 7)
    sql("update user_conversation set read_system_count = last_read_seq / 7")
    age(sql, id, OLD)
    return id


def test_everything_at_once(direct: Storage, members: list[Caller], conversation: str, sql: Sql) -> None:
    """Two sweeps, two senders, and readers: no page has a gap or begins before what a later one says is the oldest."""
    done = threading.Event()

    def read_pages() -> None:
        oldest = 1
        while not done.is_set():
            page = direct.list_messages(members[1], conversation, 50, None, 0)
            seqs = [each["seq"] for each in json.loads(page.items)]
            assert seqs == list(range(seqs[0], seqs[-1] + 1))
            assert seqs[0] >= oldest
            oldest = seqs[0]
            assert not page.info["has_more_before"]

    def sync() -> None:
        cursor = None
        while not done.is_set():
            answer = json.loads(direct.sync(members[2], None, cursor, 200))
            cursor = answer["cursor"]
            for each in answer["conversations"]:
                assert 0 <= each["unread_count"] <= each["last_seq"] - each["oldest_seq"] + 1
                assert all(message["seq"] >= each["oldest_seq"] for message in each.get("messages", []))

    def receive() -> None:
        for seq in range(1, OLD, 5):
            direct.update_receipt(members[1], conversation, {"read_seq": seq, "delivered_seq": seq})

    def write(caller: Caller) -> list[int]:
        return [direct.send_message(caller, conversation, {"message": "new"}).result["seq"] for _ in range(SENT)]

    with ThreadPoolExecutor(2) as readers:
        reading = [readers.submit(read_pages), readers.submit(sync)]
        first, second, swept, other, _ = at_once(
            lambda: write(members[0]),
            lambda: write(members[1]),
            lambda: sweep(direct, 7, 10),
            lambda: sweep(direct, 7, 7),
            receive,
        )
        done.set()
        for each in reading:
            each.result()
    assert swept + other == OLD
    assert sorted(first + second) == list(range(OLD + 1, OLD + 2 * SENT + 1))
    assert sql("select oldest_seq, last_seq, version from conversations") == [
        (OLD + 1, OLD + 2 * SENT, OLD + 2 * SENT + 1)
    ]
    for caller in members:
        (known,) = json.loads(direct.sync(caller, None, None, 200))["conversations"]
        assert known["last_read_seq"] >= OLD
        assert known["unread_count"] == known["last_seq"] - known["last_read_seq"]
    assert sql("select count(*) from user_conversation where read_system_count <> %s", OLD // 7) == [(0,)]


def test_two_messages_that_want_one_file(direct: Storage, members: list[Caller], conversation: str) -> None:
    other = make_conversation(direct, members[0])
    for _ in range(20):
        one, two = add(direct, members[0]), add(direct, members[0])
        outcomes = at_once(
            lambda one=one, two=two: try_in(direct, members[0], conversation, one, two),  # type: ignore[misc]
            lambda one=one, two=two: try_in(direct, members[0], other, two, one),  # type: ignore[misc]
        )
        assert sorted(outcomes) == ["attachment_used", "sent"]


def try_in(direct: Storage, caller: Caller, conversation: str, *ids: str) -> str:
    try:
        send(direct, caller, conversation, *ids)
    except ChatError as error:
        return error.code
    return "sent"


def test_a_sweep_and_a_send_of_the_same_file(
    direct: Storage, members: list[Caller], conversation: str, sql: Sql
) -> None:
    """Either the file is sent and stays, or it is swept and cannot be sent."""
    for _ in range(30):
        id = add(direct, members[0])
        sql("update chat_attachments set created_at = now() - interval '25 hours' where id = %s", id)
        outcome, claimed = at_once(
            lambda id=id: try_in(direct, members[0], conversation, id),  # type: ignore[misc]
            lambda: direct.claim_dead_attachments(DAY, 10),
        )
        assert (outcome, claimed) in [("sent", []), ("attachment_not_found", [id])]
        direct.delete_attachments(claimed)
