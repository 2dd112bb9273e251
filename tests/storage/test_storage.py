"""The storage on both drivers: every method, its errors, and that both answer the same."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Page, Storage

NOBODY = "00000000-0000-4000-8000-000000000000"
TEXTS = [
    "plain",
    "  white space stays  ",
    "line\nbreak\ttab\r\n",
    "👩‍👩‍👧‍👦 emoji",
    "שלום עולם, مرحبا",
    "e\u0301 is not é",
    "\u2028\ufeff\uffff\U0010ffff",
    "quotes ' \" and \\ and \\u0000",
    '{"info" : {}, "items" : []}, "items" : ',
    "%s %(name)s $1 :name",
    "x" * 10_000,
]

#: Every method that acts for a user, called for one in a conversation.
ACTING: dict[str, Callable[[Storage, Caller, str], Any]] = {
    "get_user": lambda storage, actor, _: storage.get_user(actor),
    "search_users": lambda storage, actor, _: storage.search_users(actor, "a"),
    "revoke_tokens": lambda storage, actor, _: storage.revoke_tokens(actor),
    "create_conversation": lambda storage, actor, _: storage.create_conversation(
        actor, {"name": "new", "participant_ids": []}
    ),
    "list_conversations": lambda storage, actor, _: storage.list_conversations(actor, 10, 10),
    "list_messages": lambda storage, actor, id: storage.list_messages(actor, id, 10),
    "send_message": lambda storage, actor, id: storage.send_message(actor, id, {"message": "hello"}),
    "get_message": lambda storage, actor, id: storage.get_message(actor, message_of(storage, id)),
    "edit_message": lambda storage, actor, id: storage.edit_message(actor, message_of(storage, id), {"message": "x"}),
    "list_message_edits": lambda storage, actor, id: storage.list_message_edits(actor, message_of(storage, id), 10),
    "add_reaction": lambda storage, actor, id: storage.add_reaction(actor, message_of(storage, id), "👍"),
    "remove_reaction": lambda storage, actor, id: storage.remove_reaction(actor, message_of(storage, id), "👍"),
    "list_reactions": lambda storage, actor, id: storage.list_reactions(actor, message_of(storage, id), None, 10),
    "set_pin": lambda storage, actor, id: storage.set_pin(actor, message_of(storage, id), True),
    "list_pins": lambda storage, actor, id: storage.list_pins(actor, id, 10),
    "delete_message": lambda storage, actor, id: storage.delete_message(actor, message_of(storage, id)),
    "list_threads": lambda storage, actor, _: storage.list_threads(actor, 10),
    "list_mentions": lambda storage, actor, _: storage.list_mentions(actor, 10),
    "list_scheduled": lambda storage, actor, _: storage.list_scheduled(actor, 10),
    "schedule_message": lambda storage, actor, id: storage.schedule_message(
        actor, id, {"message": "later"}, (datetime.now(UTC) + timedelta(days=1)).isoformat()
    ),
    "search_messages": lambda storage, actor, id: storage.search_messages(actor, "tea", id, None, 10),
    "update_receipt": lambda storage, actor, id: storage.update_receipt(actor, id, {"read_seq": 1, "delivered_seq": 1}),
    "list_receipts": lambda storage, actor, id: storage.list_receipts(actor, id),
    "list_unread": lambda storage, actor, _: storage.list_unread(actor),
    "sync": lambda storage, actor, id: storage.sync(actor, {id: 0}, None, 10),
}
IN_A_CONVERSATION = (
    "list_messages",
    "send_message",
    "schedule_message",
    "search_messages",
    "list_pins",
    "update_receipt",
    "list_receipts",
)


def make_users(storage: Storage, *names: str) -> list[Caller]:
    return [Caller(storage.create_user(name)["id"]) for name in names]


def make_conversation(storage: Storage, owner: Caller, *others: Caller) -> str:
    draft = {"name": "a group", "participant_ids": [each.user_id for each in others]}
    return str(storage.create_conversation(owner, draft).result["id"])


def member_ids(storage: Storage, conversation_id: str) -> list[str]:
    """Return the ids of a conversation's members, sorted."""
    audience = storage.get_audience(conversation_id)
    assert audience
    return sorted(audience["user_ids"])


def message_of(storage: Storage, conversation_id: str) -> str:
    """Return the id of the newest message of a conversation."""
    return str(items(storage.list_messages(None, conversation_id, 1))[0]["id"])


def items(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(page.items)
    return found


def seqs(page: Page) -> list[int]:
    return [each["seq"] for each in items(page)]


# users and tokens


def test_a_name_comes_back_as_it_was_given(storage: Storage) -> None:
    for name in (text[:255] for text in TEXTS):
        user = storage.create_user(name)
        assert user["username"] == name
        assert storage.get_user(Caller(user["id"])) == user


def test_a_profile_is_made_once_and_renamed_afterwards(storage: Storage) -> None:
    subject = str(uuid4())
    made = storage.create_user("ann", subject, 1_000_000.5)
    renamed = storage.create_user("Ann", subject, 1_000_000.5)
    assert made["id"] == subject
    assert renamed == {**made, "username": "Ann"}


def test_a_revoked_token_does_not_rename(storage: Storage) -> None:
    ann = Caller(storage.create_user("ann")["id"])
    revoked_at = storage.revoke_tokens(ann)["revoked_at"]
    with pytest.raises(ChatError) as refused:
        storage.create_user("Mallory", ann.user_id, revoked_at - 1)
    assert (refused.value.status, refused.value.code) == (401, "token_invalid")
    assert storage.get_user(ann)["username"] == "ann"


def test_search_finds_a_part_of_a_name_in_any_case_and_never_the_caller(storage: Storage) -> None:
    ann, *_ = make_users(storage, "Joanna", "anna", "HANNAH", "bob", "50% off", "50 off", "a_b", "axb", "back\\slash")

    def found(query: str | None) -> list[str]:
        return [each["username"] for each in json.loads(storage.search_users(ann, query))]

    assert sorted(found("ANN")) == ["HANNAH", "anna"]
    assert found("50%") == ["50% off"]
    assert found("a_b") == ["a_b"]
    assert found("\\") == ["back\\slash"]
    assert found("zzz") == []
    assert len(found(None)) == 8
    assert "Joanna" not in found(None)


def test_search_stops_at_fifty_in_the_order_of_names(storage: Storage, sql: Callable[..., list[Any]]) -> None:
    ann, *_ = make_users(storage, "ann")
    sql("insert into users (username) select 'user ' || lpad(n::text, 3, '0') from generate_series(1, 120) as n")
    expected = [f"user {n:03}" for n in range(1, 51)]
    for query in (None, "SER"):
        assert [each["username"] for each in json.loads(storage.search_users(ann, query))] == expected


def test_a_token_is_good_from_the_moment_of_the_revocation_on(storage: Storage) -> None:
    ann, *_ = make_users(storage, "ann")
    revoked_at = storage.revoke_tokens(ann)["revoked_at"]
    assert storage.get_user(ann._replace(issued_at=revoked_at))["username"] == "ann"
    with pytest.raises(ChatError, match="token_invalid"):
        storage.get_user(ann._replace(issued_at=revoked_at - 0.00001))


def test_revocations_are_listed_for_a_while(storage: Storage, sql: Callable[..., list[Any]]) -> None:
    ann, bob = make_users(storage, "ann", "bob")
    old, new = storage.revoke_tokens(ann), storage.revoke_tokens(bob)
    sql("update users set tokens_valid_from = tokens_valid_from - interval '1 hour' where id = %s", ann.user_id)
    assert storage.list_revocations(60) == [new | {"is_erased": False}]
    assert len(storage.list_revocations(7200)) == 2
    assert storage.list_revocations(0) == []
    assert old["user_id"] == ann.user_id


# who may


@pytest.mark.parametrize("method", ACTING)
def test_an_unknown_user_is_404_and_a_revoked_token_401(storage: Storage, method: str) -> None:
    ann, *_ = make_users(storage, "ann")
    id = make_conversation(storage, ann)
    storage.send_message(ann, id, {"message": "hello"})
    ACTING[method](storage, ann, id)
    revoked_at = storage.revoke_tokens(ann)["revoked_at"]
    for actor, status, code in (
        (Caller(NOBODY), 404, "user_not_found"),
        (ann._replace(issued_at=revoked_at - 1), 401, "token_invalid"),
        (ann._replace(issued_at=0.0), 401, "token_invalid"),
    ):
        with pytest.raises(ChatError) as refused:
            ACTING[method](storage, actor, id)
        assert (refused.value.status, refused.value.code) == (status, code)


@pytest.mark.parametrize("method", IN_A_CONVERSATION)
def test_a_stranger_cannot_tell_a_conversation_from_none(
    storage: Storage, method: str, sql: Callable[..., list[Any]]
) -> None:
    ann, eve = make_users(storage, "ann", "eve")
    id = make_conversation(storage, ann)
    before = sql("select c, m from conversations as c join user_conversation as m on true")
    told = []
    for conversation_id in (id, NOBODY):
        with pytest.raises(ChatError) as refused:
            ACTING[method](storage, eve, conversation_id)
        told.append((refused.value.status, refused.value.code, refused.value.detail))
    assert told[0] == told[1] == (404, "conversation_not_found", "There is no such conversation.")
    assert sql("select c, m from conversations as c join user_conversation as m on true") == before


# conversations


def test_a_conversation_holds_its_owner_and_each_listed_user_once(storage: Storage) -> None:
    ann, bob, cid = make_users(storage, "ann", "bob", "cid")
    listed = [bob.user_id, ann.user_id, bob.user_id, cid.user_id]
    made = storage.create_conversation(ann, {"name": "group ✓", "participant_ids": listed})
    assert (made.audience_version, made.announce) == (1, True)
    conversation = made.result
    assert member_ids(storage, conversation["id"]) == sorted(set(listed))
    assert [each["username"] for each in conversation["participants"]] == ["ann", "bob", "cid"]
    assert (conversation["name"], conversation["owner_user_id"]) == ("group ✓", ann.user_id)
    assert (conversation["version"], conversation["last_seq"]) == (1, 0)
    assert member_ids(storage, make_conversation(storage, bob)) == [bob.user_id]
    assert storage.get_audience(NOBODY) is None


def test_an_unknown_participant_leaves_nothing_behind(storage: Storage, sql: Callable[..., list[Any]]) -> None:
    ann, bob = make_users(storage, "ann", "bob")
    with pytest.raises(ChatError) as refused:
        storage.create_conversation(ann, {"name": "a group", "participant_ids": [bob.user_id, NOBODY]})
    assert (refused.value.code, refused.value.detail) == ("user_not_found", f"There is no user {NOBODY}.")
    assert sql("select count(*) from conversations") == sql("select count(*) from user_conversation") == [(0,)]


def test_a_thousand_participants_are_members_and_hear_of_a_message(
    storage: Storage, sql: Callable[..., list[Any]]
) -> None:
    ann, *_ = make_users(storage, "ann")
    rows = sql("insert into users (username) select 'user ' || n from generate_series(1, 1000) as n returning id::text")
    ids = [id for (id,) in rows]
    made = storage.create_conversation(ann, {"name": "everybody", "participant_ids": ids})
    id = made.result["id"]
    assert (made.result["member_count"], len(made.result["participants"])) == (1001, 100)
    sent = storage.send_message(Caller(ids[0]), id, {"message": "hello"})
    assert member_ids(storage, id) == sorted([*ids, ann.user_id])
    assert sent.audience_version == made.audience_version == storage.get_audience(id)["audience_version"]  # type: ignore[index]
    first = storage.list_receipts(ann, id)
    rest = storage.list_receipts(ann, id, after=first.info["next"])
    listed = [receipt["user_id"] for receipt in items(first) + items(rest)]
    assert (len(items(first)), rest.info["next"], listed) == (1000, None, sorted([*ids, ann.user_id]))
    assert storage.list_receipts(ann, id, 1001).info["next"] is None


def test_the_list_of_conversations_is_paged_without_gap_or_repeat(storage: Storage) -> None:
    ann, bob = make_users(storage, "ann", "bob")
    ids = [make_conversation(storage, ann) for _ in range(7)]
    make_conversation(storage, bob)
    storage.send_message(ann, ids[2], {"message": "now the most recent"})
    expected = [ids[2], *reversed([*ids[:2], *ids[3:]])]
    for limit in (1, 3, 7, 8):
        found, cursor = [], None
        while True:
            page = storage.list_conversations(ann, limit, 0, before=cursor)
            found += [each["id"] for each in items(page)]
            cursor = page.info["next"]
            if cursor is None:
                break
            assert len(items(page)) == limit
        assert found == expected
    before = {"pinned": False, "at": "1990-01-01T00:00:00+00:00", "id": NOBODY}
    assert storage.list_conversations(bob, 50, 10, before=before) == Page({"next": None}, "[]")


def test_the_list_carries_the_newest_messages_oldest_first_and_the_counters(storage: Storage) -> None:
    ann, bob = make_users(storage, "ann", "bob")
    id = make_conversation(storage, ann, bob)
    for number in range(1, 6):
        storage.send_message(ann, id, {"message": f"number {number}"})
    storage.update_receipt(bob, id, {"read_seq": 2, "delivered_seq": 4})
    for limit, expected in ((0, []), (2, [4, 5]), (5, [1, 2, 3, 4, 5]), (100, [1, 2, 3, 4, 5])):
        (found,) = items(storage.list_conversations(bob, 10, limit))
        assert [each["seq"] for each in found["messages"]] == expected
        assert (found["unread_count"], found["last_read_seq"], found["last_delivered_seq"]) == (3, 2, 4)


# messages


def test_every_page_is_what_its_cursor_says(storage: Storage) -> None:
    ann, *_ = make_users(storage, "ann")
    id = make_conversation(storage, ann)
    for number in range(10):
        storage.send_message(ann, id, {"message": f"number {number}"})
    for cursor, expected, before, after in (
        ({}, [8, 9, 10], True, False),
        ({"before_seq": 8}, [5, 6, 7], True, True),
        ({"before_seq": 3}, [1, 2], False, True),
        ({"before_seq": 1}, [], False, True),
        ({"before_seq": 0}, [], False, True),
        ({"before_seq": 11}, [8, 9, 10], True, False),
        ({"before_seq": 2**53 - 1}, [8, 9, 10], True, False),
        ({"after_seq": 0}, [1, 2, 3], False, True),
        ({"after_seq": 7}, [8, 9, 10], True, False),
        ({"after_seq": 9}, [10], True, False),
        ({"after_seq": 10}, [], True, False),
        ({"after_seq": 2**53 - 1}, [], True, False),
        ({"around_seq": 0}, [1, 2, 3], False, True),
        ({"around_seq": 1}, [1, 2, 3], False, True),
        ({"around_seq": 5}, [4, 5, 6], True, True),
        ({"around_seq": 10}, [8, 9, 10], True, False),
        ({"around_seq": 2**53 - 1}, [8, 9, 10], True, False),
        ({"after_date": "2000-01-01T00:00:00+00:00"}, [1, 2, 3], False, True),
        ({"after_date": "9999-12-31T23:59:59.999999+00:00"}, [], True, False),
    ):
        page = storage.list_messages(ann, id, 3, **cursor)  # type: ignore[arg-type]
        assert seqs(page) == expected, cursor
        assert (page.info["has_more_before"], page.info["has_more_after"]) == (before, after), cursor
    for limit in (1, 10, 200):
        assert seqs(storage.list_messages(ann, id, limit)) == list(range(11 - min(limit, 10), 11))


def test_an_empty_conversation_has_nothing_before_and_nothing_after(storage: Storage) -> None:
    ann, *_ = make_users(storage, "ann")
    id = make_conversation(storage, ann)
    for cursor in ("before_seq", "after_seq", "around_seq"):
        for number in (0, 1, 7):
            page = storage.list_messages(ann, id, 50, **{cursor: number})  # type: ignore[arg-type]
            assert page.items == "[]"
            assert (page.info["has_more_before"], page.info["has_more_after"]) == (False, False)


def test_no_message_is_missed_after_the_date_of_another(storage: Storage) -> None:
    ann, *_ = make_users(storage, "ann")
    id = make_conversation(storage, ann)
    times = [storage.send_message(ann, id, {"message": "hello"}).result["created_at"] for _ in range(5)]
    assert times == sorted(set(times))
    for number, time in enumerate(times, 1):
        assert seqs(storage.list_messages(ann, id, 50, after_date=time)) == list(range(number + 1, 6))


def test_a_clock_that_goes_back_does_not_date_a_message_before_the_last(
    storage: Storage, sql: Callable[..., list[Any]]
) -> None:
    ann, *_ = make_users(storage, "ann")
    id = make_conversation(storage, ann)
    storage.send_message(ann, id, {"message": "before the clock was set"})
    sql("update messages set created_at = created_at + interval '1 hour'")
    sql("update conversations set last_activity_at = (select created_at from messages)")
    date = items(storage.list_messages(ann, id, 1))[0]["created_at"]
    for _ in range(2):
        storage.send_message(ann, id, {"message": "after"})
    assert seqs(storage.list_messages(ann, id, 50, after_date=date)) == [2, 3]


def test_a_text_comes_back_as_it_was_sent(storage: Storage) -> None:
    ann, *_ = make_users(storage, "ann")
    id = make_conversation(storage, ann)
    for text in TEXTS:
        sent = storage.send_message(ann, id, {"message": text, "client_id": text[:64]}).result
        (listed,) = items(storage.list_messages(ann, id, 1))
        assert listed["message"] == sent["message"] == text
        assert listed["client_id"] == text[:64]
        assert items(storage.list_conversations(ann, 1, 1))[0]["messages"] == [listed]


def test_a_send_with_a_client_id_is_done_once_for_its_sender_and_conversation(storage: Storage) -> None:
    ann, bob = make_users(storage, "ann", "bob")
    id, other_id = make_conversation(storage, ann, bob), make_conversation(storage, ann)
    first = storage.send_message(ann, id, {"message": "the first", "client_id": "c-1"})
    storage.send_message(bob, id, {"message": "meanwhile"})
    again = storage.send_message(ann, id, {"message": "another text", "client_id": "c-1"})
    assert again == first  # versions of the conversation included, and announced: it is younger than a minute
    assert storage.send_message(bob, id, {"message": "bob's own", "client_id": "c-1"}).result["seq"] == 3
    assert storage.send_message(ann, other_id, {"message": "elsewhere", "client_id": "c-1"}).result["seq"] == 1
    assert seqs(storage.list_messages(ann, id, 50)) == [1, 2, 3]


def test_a_repeated_send_is_not_announced_again_when_the_first_is_older_than_a_minute(
    storage: Storage, sql: Callable[..., list[Any]]
) -> None:
    ann, *_ = make_users(storage, "ann")
    id = make_conversation(storage, ann)
    storage.send_message(ann, id, {"message": "hello", "client_id": "c-1"})
    for age, announced in (("50 s", True), ("70 s", False)):
        sql("update messages set created_at = now() - %s::interval", age)
        assert storage.send_message(ann, id, {"message": "hello", "client_id": "c-1"}).announce is announced


def test_who_was_removed_cannot_repeat_a_send(storage: Storage, sql: Callable[..., list[Any]]) -> None:
    ann, bob = make_users(storage, "ann", "bob")
    id = make_conversation(storage, ann, bob)
    storage.send_message(bob, id, {"message": "hello", "client_id": "c-1"})
    sql("delete from user_conversation where user_id = %s", bob.user_id)
    with pytest.raises(ChatError, match="conversation_not_found"):
        storage.send_message(bob, id, {"message": "hello", "client_id": "c-1"})


def test_sending_counts_up_and_reads(storage: Storage) -> None:
    ann, bob = make_users(storage, "ann", "bob")
    id = make_conversation(storage, ann, bob)
    for number in range(1, 4):
        sent = storage.send_message(ann, id, {"message": "hello"}).result
        assert (sent["seq"], sent["version"]) == (number, number + 1)
        assert (sent["conversations"]["last_seq"], sent["conversations"]["version"]) == (number, number + 1)
    assert json.loads(storage.list_unread(ann)) == {"total": 0, "total_unmuted": 0, "conversations": {}}
    assert json.loads(storage.list_unread(bob)) == {"total": 3, "total_unmuted": 3, "conversations": {id: 3}}
    storage.send_message(bob, id, {"message": "an answer"})
    assert json.loads(storage.list_unread(bob))["total"] == 0
