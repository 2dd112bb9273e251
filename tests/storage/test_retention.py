"""Retention on both drivers: what goes, what stays, and that every number is right afterwards."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chat.auth import Caller
from chat.storage import Storage
from tests.storage.test_attachments import DAY, add
from tests.storage.test_storage import make_conversation, make_users

Sql = Callable[..., list[Any]]


@pytest.fixture
def ann(storage: Storage) -> Caller:
    return make_users(storage, "ann")[0]


@pytest.fixture
def bob(storage: Storage) -> Caller:
    return make_users(storage, "bob")[0]


@pytest.fixture
def conversation(storage: Storage, ann: Caller, bob: Caller, sql: Sql) -> str:
    """Ten messages of Ann's, the first six of them ten days old."""
    id = make_conversation(storage, ann, bob)
    for number in range(1, 11):
        storage.send_message(ann, id, {"message": f"text {number}"})
    age(sql, id, 6)
    return id


def age(sql: Sql, conversation: str, last: int, days: int = 10) -> None:
    sql(
        "update messages set created_at = created_at - make_interval(days => %s) "
        "where conversation_id = %s and seq <= %s",
        days,
        conversation,
        last,
    )


def sweep(storage: Storage, days: int | None, limit: int = 500, page: int = 2) -> int:
    """Sweep as the job does."""
    after, deleted = None, 0
    while True:
        found = storage.list_expired_conversations(days, after, page)
        for id in found["ids"]:
            while swept := storage.sweep_conversation(id, days, limit):
                deleted += swept
        after = found["last"]
        if after is None:
            return deleted


def synced(storage: Storage, caller: Caller, since: Any = None, cursor: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(storage.sync(caller, since, cursor, 50))
    return answer


def texts(items: str | list[Any]) -> list[str]:
    return [each["message"] for each in (json.loads(items) if isinstance(items, str) else items)]


@pytest.mark.parametrize("limit", [1, 2, 4, 500])
def test_what_is_old_goes_and_pages_begin_behind_it(
    storage: Storage, bob: Caller, conversation: str, limit: int
) -> None:
    assert sweep(storage, 7, limit) == 6
    page = storage.list_messages(bob, conversation, 3, None, 0)
    assert texts(page.items) == ["text 7", "text 8", "text 9"]
    assert page.info == {"first_seq": 7, "last_seq": 9, "has_more_before": False, "has_more_after": True}
    for around in (1, 6, 7):
        assert texts(storage.list_messages(bob, conversation, 2, None, None, around).items) == ["text 7", "text 8"]
    assert texts(storage.list_messages(bob, conversation, 9, 7).items) == []
    assert texts(storage.list_messages(bob, conversation, 1000).items) == [f"text {number}" for number in range(7, 11)]
    assert sweep(storage, 7, limit) == 0


def test_pointers_and_counters(storage: Storage, ann: Caller, bob: Caller, conversation: str) -> None:
    storage.update_receipt(bob, conversation, {"read_seq": 2, "delivered_seq": 8})
    assert json.loads(storage.list_unread(bob))["total"] == 8
    sweep(storage, 7)
    (receipt,) = [
        each for each in json.loads(storage.list_receipts(ann, conversation).items) if each["user_id"] == bob.user_id
    ]
    assert (receipt["read_seq"], receipt["delivered_seq"]) == (6, 8)
    assert json.loads(storage.list_unread(bob))["total"] == 4
    assert not storage.update_receipt(bob, conversation, {"read_seq": 3, "delivered_seq": 0}).announce
    assert storage.update_receipt(bob, conversation, {"read_seq": 9, "delivered_seq": 0}).result["read_seq"] == 9
    assert json.loads(storage.list_unread(bob))["total"] == 1
    assert storage.send_message(ann, conversation, {"message": "next"}).result["seq"] == 11


def test_system_messages_count_as_unread_for_nobody_when_the_rest_is_gone(
    storage: Storage, bob: Caller, conversation: str, sql: Sql
) -> None:
    """Numbers 3, 5 and 8 are system messages."""
    sql("update messages set type = 'system' where seq in (3, 5, 8)")
    sql(
        "update messages as m set system_count = "
        "(select count(*) from messages as o where o.type = 'system' and o.seq <= m.seq)"
    )
    sql("update conversations set system_count = 3")
    assert json.loads(storage.list_unread(bob))["total"] == 7
    sweep(storage, 7, 4)
    assert json.loads(storage.list_unread(bob))["total"] == 3  # 7, 9 and 10
    storage.update_receipt(bob, conversation, {"read_seq": 8, "delivered_seq": 0})
    assert json.loads(storage.list_unread(bob))["total"] == 2


def test_no_version_is_raised_and_a_sync_says_the_oldest_number(
    storage: Storage, bob: Caller, conversation: str
) -> None:
    before = synced(storage, bob)
    (known,) = before["conversations"]
    sweep(storage, 7)
    for again in (synced(storage, bob, {conversation: known["version"]}), synced(storage, bob, None, before["cursor"])):
        (now,) = again["conversations"]
        assert (now["version"], now["oldest_seq"], now["last_seq"]) == (known["version"], 7, 10)
        assert set(texts(now.get("messages", []))) <= {f"text {n}" for n in range(7, 11)}  # some may come twice
        assert now["unread_count"] == 4
    assert synced(storage, bob)["conversations"][0]["oldest_seq"] == 7
    assert texts(synced(storage, bob)["conversations"][0]["messages"]) == [f"text {n}" for n in range(7, 11)]


def test_a_client_of_before_the_swept_part_gets_what_is_left(storage: Storage, bob: Caller, conversation: str) -> None:
    sweep(storage, 7)
    (now,) = synced(storage, bob, {conversation: 4})["conversations"]
    assert now["recovered"] is True
    assert texts(now["messages"]) == [f"text {n}" for n in range(7, 11)]


def test_an_emptied_conversation(storage: Storage, ann: Caller, bob: Caller, conversation: str, sql: Sql) -> None:
    age(sql, conversation, 10)
    assert sweep(storage, 7, 3) == 10
    (now,) = synced(storage, bob)["conversations"]
    assert (now["oldest_seq"], now["last_seq"], now["unread_count"], now["last_message"]) == (11, 10, 0, None)
    assert now["messages"] == []
    assert storage.list_messages(bob, conversation, 10).info["has_more_before"] is False
    (receipt, _) = json.loads(storage.list_receipts(ann, conversation).items)
    assert (receipt["read_seq"], receipt["delivered_seq"]) == (10, 10)
    storage.send_message(ann, conversation, {"message": "anew"})
    assert texts(storage.list_messages(bob, conversation, 10).items) == ["anew"]
    assert json.loads(storage.list_unread(bob))["total"] == 1


@pytest.mark.parametrize(
    ("server", "own", "left"), [(7, None, 4), (None, 7, 4), (99, 7, 4), (7, 99, 4), (None, None, 10), (99, 11, 10)]
)
def test_the_smaller_of_the_two_settings_counts(
    storage: Storage, bob: Caller, conversation: str, sql: Sql, server: int | None, own: int | None, left: int
) -> None:
    sql("update conversations set retention_days = %s where id = %s", own, conversation)
    sweep(storage, server)
    assert len(json.loads(storage.list_messages(bob, conversation, 100).items)) == left


def test_all_conversations_are_walked_through(storage: Storage, ann: Caller, sql: Sql) -> None:
    ids = [make_conversation(storage, ann) for _ in range(7)]
    for id in ids:
        storage.send_message(ann, id, {"message": "old"})
    for id in ids[::2]:
        age(sql, id, 1)
    assert sweep(storage, 7, page=3) == 4
    assert sql("select count(*) from messages") == [(3,)]


def test_what_belongs_to_the_messages_goes_with_them(
    storage: Storage, ann: Caller, bob: Caller, conversation: str, sql: Sql
) -> None:
    file, other = add(storage, ann), add(storage, ann)
    draft = {"message": f"for @[{bob.user_id}]", "attachments": [file]}
    root = storage.send_message(ann, conversation, draft).result
    reply = {"message": "yes", "reply_to": root["id"], "thread_id": root["id"], "attachments": [other]}
    age(sql, conversation, 11)
    storage.send_message(ann, conversation, reply)
    sql("insert into chat_reactions (message_id, emoji, user_id) values (%s, '👍', %s)", root["id"], ann.user_id)
    assert sweep(storage, 7, 5) == 11
    (left,) = json.loads(storage.list_messages(bob, conversation, 10).items)
    assert (left["message"], left["quote"], left["reply_to"], left["thread_id"]) == ("yes", None, None, None)
    for table in ("chat_reactions", "chat_mentions", "chat_message_edits", "chat_thread_members"):
        assert (
            sql(
                f"select * from {table} where message_id = %s"
                if table != "chat_thread_members"
                else f"select * from {table} where thread_id = %s",
                root["id"],
            )
            == []
        )
    assert storage.claim_dead_attachments(DAY, 100) == [file]
    assert storage.get_attachment(bob, other)["id"] == other


def test_a_conversation_that_is_gone_is_nothing_to_sweep(storage: Storage, conversation: str, sql: Sql) -> None:
    sql("delete from conversations where id = %s", conversation)
    assert storage.sweep_conversation(conversation, 7, 10) == 0


def test_members_of_later_see_what_they_saw(storage: Storage, bob: Caller, conversation: str, sql: Sql) -> None:
    sql("update user_conversation set history_from = 9 where user_id = %s", bob.user_id)
    sweep(storage, 7)
    assert texts(storage.list_messages(bob, conversation, 10).items) == ["text 9", "text 10"]
