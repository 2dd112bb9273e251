"""The storage on both drivers: receipts, sync, and that both drivers answer the same."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chat.auth import Caller
from chat.config import Config
from chat.errors import ChatError, StorageUnavailable
from chat.storage import Storage
from chat.storage.postgres import PostgresStorage
from chat.storage.supabase import SupabaseStorage
from tests.storage.test_storage import NOBODY, TEXTS, make_conversation, make_users
from tests.support import tour
from tests.support.postgrest import PostgrestStandIn


def synced(storage: Storage, actor: Caller, since: dict[str, int], limit: int = 50) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(storage.sync(actor, since, None, limit))
    return answer


# receipts


def test_pointers_move_forward_and_not_beyond_the_newest_message(storage: Storage) -> None:
    ann, bob = make_users(storage, "ann", "bob")
    id = make_conversation(storage, ann, bob)
    for _ in range(5):
        storage.send_message(ann, id, {"message": "hello"})
    for read, delivered, expected, moved in (
        (None, 2, (0, 2), True),
        (1, None, (1, 2), True),
        (1, 2, (1, 2), False),
        (0, 0, (1, 2), False),
        (None, None, (1, 2), False),
        (4, 1, (4, 4), True),
        (2, 5, (4, 5), True),
        (2**53 - 1, 2**53 - 1, (5, 5), True),
        (2**53 - 1, None, (5, 5), False),
    ):
        updated = storage.update_receipt(bob, id, {"read_seq": read, "delivered_seq": delivered})
        receipt = updated.result
        assert (receipt["read_seq"], receipt["delivered_seq"]) == expected
        assert (receipt["conversation_id"], receipt["user_id"]) == (id, bob.user_id)
        assert updated.announce is moved
    assert json.loads(storage.list_receipts(ann, id).items) == sorted(
        [{"conversation_id": id, "user_id": actor.user_id, "read_seq": 5, "delivered_seq": 5} for actor in (ann, bob)],
        key=lambda receipt: str(receipt["user_id"]),
    )


def test_pointers_of_an_empty_conversation_stay_where_they_are(storage: Storage) -> None:
    ann, *_ = make_users(storage, "ann")
    id = make_conversation(storage, ann)
    updated = storage.update_receipt(ann, id, {"read_seq": 7, "delivered_seq": 9})
    assert updated.announce is False
    assert (updated.result["read_seq"], updated.result["delivered_seq"]) == (0, 0)


# sync


def test_sync_brings_whole_what_is_unknown_and_a_summary_of_what_is_unchanged(storage: Storage) -> None:
    ann, bob = make_users(storage, "ann", "bob")
    old, new = make_conversation(storage, ann, bob), make_conversation(storage, ann, bob)
    storage.send_message(ann, old, {"message": "hello"})
    answer = synced(storage, bob, {old: 2, NOBODY: 3})
    assert [each["id"] for each in answer["conversations"]] == [new, old]
    assert answer["removed"] == [NOBODY]
    assert answer["has_more"] is False
    unknown, unchanged = answer["conversations"]
    assert unchanged == {
        "id": old, "version": 2, "last_seq": 1, "oldest_seq": 1, "unread_count": 1, "last_read_seq": 0,
        "last_delivered_seq": 0, "pinned": False, "archived": False, "muted_until": None, "notifications": None,
    }  # fmt: skip
    assert unknown["recovered"] is True
    assert unknown["messages"] == []
    assert [each["username"] for each in unknown["participants"]] == ["ann", "bob"]


def test_sync_brings_the_messages_changed_since_or_the_newest_page(storage: Storage) -> None:
    ann, *_ = make_users(storage, "ann")
    id = make_conversation(storage, ann)
    for _ in range(6):
        storage.send_message(ann, id, {"message": "hello"})  # version 7 afterwards
    for since, limit, seqs, recovered in (
        (6, 3, [6], True),
        (4, 3, [4, 5, 6], True),
        (3, 3, [4, 5, 6], False),
        (1, 3, [4, 5, 6], False),
        (1, 6, [1, 2, 3, 4, 5, 6], True),
        (8, 3, [4, 5, 6], False),  # a version that this conversation never had
        (2**53 - 1, 200, [1, 2, 3, 4, 5, 6], False),
    ):
        (found,) = synced(storage, ann, {id: since}, limit)["conversations"]
        assert [each["seq"] for each in found["messages"]] == seqs, since
        assert found["recovered"] is recovered, since


def test_sync_comes_to_an_end_with_many_conversations(storage: Storage, sql: Callable[..., list[Any]]) -> None:
    ann, *_ = make_users(storage, "ann")
    sql(
        """with made as (
               insert into conversations (name, owner_user_id)
               select 'group ' || n, %s from generate_series(1, 120) as n returning id
           ) insert into user_conversation (conversation_id, user_id) select id, %s from made""",
        ann.user_id,
        ann.user_id,
    )
    known: dict[str, int] = {}
    rounds = 0
    while True:
        answer = synced(storage, ann, known)
        whole = [each for each in answer["conversations"] if "messages" in each]
        assert len(whole) <= 50
        known |= {each["id"]: each["version"] for each in whole}
        rounds += 1
        if not answer["has_more"]:
            break
    assert (rounds, len(known)) == (3, 120)
    assert all("messages" not in each for each in synced(storage, ann, known)["conversations"])


def test_sync_takes_ten_thousand_known_versions(storage: Storage) -> None:
    ann, *_ = make_users(storage, "ann")
    id = make_conversation(storage, ann)
    known = {f"00000000-0000-4000-8000-{number:012}": 1 for number in range(10_000)} | {id: 1}
    answer = synced(storage, ann, known)
    assert [each["id"] for each in answer["conversations"]] == [id]
    assert sorted([*answer["removed"], id]) == sorted(known)


# both drivers


@pytest.fixture
def drivers(database_url: str, postgrest: PostgrestStandIn) -> Iterator[list[Storage]]:
    """Both drivers on the same database."""
    both: list[Storage] = [
        PostgresStorage(Config(), database_url),
        SupabaseStorage(
            Config(supabase_project_url=postgrest.url, supabase_service_role_key=postgrest.service_role_key)
        ),
    ]
    for each in both:
        each.open()
    yield both
    for each in both:
        each.close()


def test_both_drivers_tell_the_same_story(
    make_database: Callable[..., str], drivers: list[Storage], database_url: str
) -> None:
    """The same tour on two databases: the same text, byte by byte, but for ids and times that the database made."""
    other = PostgresStorage(Config(), make_database())
    other.open()
    told = [list(tour.take(storage).answers) for storage in (other, drivers[1])]
    other.close()
    assert told[0] == told[1]


def test_both_drivers_read_the_same_values(drivers: list[Storage]) -> None:
    direct, over_api = drivers
    ann, bob = make_users(direct, "ann", "Bøb 👋")
    id = make_conversation(over_api, ann, bob)
    for text in TEXTS:
        direct.send_message(bob, id, {"message": text})
    over_api.update_receipt(ann, id, {"read_seq": 3})
    revoked_at = over_api.revoke_tokens(bob)["revoked_at"]
    readings: list[Callable[[Storage], Any]] = [
        lambda storage: storage.get_schema(),
        lambda storage: storage.get_user(bob),
        lambda storage: storage.get_user(bob._replace(issued_at=revoked_at)),
        lambda storage: storage.search_users(ann, "Ø"),
        lambda storage: storage.list_revocations(600.5),
        lambda storage: storage.list_conversations(ann, 10, 100),
        lambda storage: storage.list_messages(ann, id, 200),
        lambda storage: storage.list_messages(None, id, 3, after_date="2000-01-01T00:00:00.000001+00:00"),
        lambda storage: storage.list_receipts(ann, id),
        lambda storage: storage.list_unread(ann),
        lambda storage: storage.get_audience(id),
        # Without the cursor, which is of the whole cluster's transactions, those of other databases too.
        lambda storage: synced(storage, ann, {id: 5}, 100) | {"cursor": None},
    ]
    for read in readings:
        assert read(direct) == read(over_api)


def test_a_closed_storage_is_unavailable(storage: Storage) -> None:
    storage.close()
    storage.close()
    with pytest.raises((StorageUnavailable, ChatError)) as refused:
        storage.get_schema()
    assert refused.value.status == 503
