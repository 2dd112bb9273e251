"""What happens at once, in the database: threads on connections of their own, and locks held on purpose."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Storage
from tests.storage.test_storage import items, make_conversation, make_users, seqs

WRITERS = 8


@pytest.fixture
def group(direct: Storage) -> tuple[str, list[Caller]]:
    """A conversation and its members, one for each writer."""
    members = make_users(direct, *(f"user {number}" for number in range(WRITERS)))
    return make_conversation(direct, *members), members


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Start all in the same moment and return what each returned."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        start.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def wait_for_lock(other: psycopg.Connection, work: Future[Any], waiting: int = 1) -> None:
    """Wait until so many connections of the database wait for a lock; `work` must not be over before."""
    query = """select count(*) from pg_stat_activity
               where datname = current_database() and wait_event_type = 'Lock'"""
    end = time.monotonic() + 10
    while other.execute(query).fetchone() != (waiting,):
        assert not work.done()
        assert time.monotonic() < end
        time.sleep(0.01)


def lock(other: psycopg.Connection, conversation_id: str) -> None:
    """Take the conversation's lock, as everything does that changes it."""
    other.execute("update conversations set version = version + 1 where id = %s", (conversation_id,))


def test_sends_at_once_are_numbered_without_gap_in_the_order_of_their_commits(
    direct: Storage, group: tuple[str, list[Caller]]
) -> None:
    id, members = group

    def write(actor: Caller) -> list[dict[str, Any]]:
        return [direct.send_message(actor, id, {"message": "hello"}).result for _ in range(25)]

    written = at_once(*(lambda actor=actor: write(actor) for actor in members))
    for of_one in written:  # each writer's own order is kept
        assert [each["seq"] for each in of_one] == sorted(each["seq"] for each in of_one)
    messages = items(direct.list_messages(members[0], id, 1000))
    assert [each["seq"] for each in messages] == list(range(1, 25 * WRITERS + 1))
    assert [each["version"] for each in messages] == [each["seq"] + 1 for each in messages]
    times = [each["created_at"] for each in messages]
    assert times == sorted(set(times))
    assert {each["id"] for of_one in written for each in of_one} == {each["id"] for each in messages}


def test_one_client_id_sent_many_times_at_once_is_one_message(direct: Storage, group: tuple[str, list[Caller]]) -> None:
    id, members = group
    for _ in range(5):
        draft = {"message": "once", "client_id": str(uuid4())}
        answers = at_once(*[lambda: direct.send_message(members[0], id, draft)] * WRITERS)  # noqa: B023
        assert all(each == answers[0] for each in answers)
    assert seqs(direct.list_messages(members[0], id, 100)) == [1, 2, 3, 4, 5]


def test_a_member_removed_while_its_send_waits_has_sent_nothing(
    direct: Storage, group: tuple[str, list[Caller]], other: psycopg.Connection
) -> None:
    id, members = group
    with ThreadPoolExecutor(1) as pool:
        lock(other, id)
        other.execute("delete from user_conversation where user_id = %s", (members[1].user_id,))
        sending = pool.submit(direct.send_message, members[1], id, {"message": "too late"})
        wait_for_lock(other, sending)
        other.commit()
        with pytest.raises(ChatError, match="conversation_not_found"):
            sending.result()
    assert direct.list_messages(members[0], id, 10).items == "[]"
    (conversation,) = items(direct.list_conversations(members[0], 1, 0))
    assert (conversation["version"], conversation["last_seq"]) == (2, 0)  # the removal's version, and no other


def test_a_member_removed_while_its_retry_waits_learns_nothing(
    direct: Storage, group: tuple[str, list[Caller]], other: psycopg.Connection
) -> None:
    id, members = group
    direct.send_message(members[1], id, {"message": "hello", "client_id": "c-1"})
    with ThreadPoolExecutor(1) as pool:
        lock(other, id)
        other.execute("delete from user_conversation where user_id = %s", (members[1].user_id,))
        sending = pool.submit(direct.send_message, members[1], id, {"message": "hello", "client_id": "c-1"})
        wait_for_lock(other, sending)
        other.commit()
        with pytest.raises(ChatError, match="conversation_not_found"):
            sending.result()


def test_a_member_removed_while_its_receipt_waits_is_told_so(
    direct: Storage, group: tuple[str, list[Caller]], other: psycopg.Connection
) -> None:
    id, members = group
    direct.send_message(members[0], id, {"message": "hello"})
    with ThreadPoolExecutor(1) as pool:
        other.execute("delete from user_conversation where user_id = %s", (members[1].user_id,))
        reading = pool.submit(direct.update_receipt, members[1], id, {"read_seq": 1, "delivered_seq": 1})
        wait_for_lock(other, reading)
        other.commit()
        with pytest.raises(ChatError, match="conversation_not_found"):
            reading.result()


def test_a_conversation_deleted_while_a_send_waits_is_not_found(
    direct: Storage, group: tuple[str, list[Caller]], other: psycopg.Connection
) -> None:
    id, members = group
    with ThreadPoolExecutor(1) as pool:
        other.execute("delete from conversations where id = %s", (id,))
        sending = pool.submit(direct.send_message, members[0], id, {"message": "too late"})
        wait_for_lock(other, sending)
        other.commit()
        with pytest.raises(ChatError, match="conversation_not_found"):
            sending.result()


def test_a_send_is_not_seen_before_its_commit_and_does_not_hold_up_readers(
    direct: Storage, group: tuple[str, list[Caller]], other: psycopg.Connection
) -> None:
    id, members = group
    other.execute(
        "select chat_send_message(p_user_id => %s, p_issued_at => null, p_conversation_id => %s, p_draft => %s)",
        (members[0].user_id, id, '{"message": "not yet"}'),
    )
    assert direct.list_messages(members[1], id, 10).items == "[]"
    assert '"recovered" : true' in direct.sync(members[1], {}, None, 10)
    direct.update_receipt(members[1], id, {"read_seq": 5})
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(direct.send_message, members[1], id, {"message": "second"})
        wait_for_lock(other, sending)
        other.rollback()
        assert sending.result().result["seq"] == 1


def test_receipts_at_once_only_move_forward(direct: Storage, group: tuple[str, list[Caller]]) -> None:
    id, members = group
    for _ in range(100):
        direct.send_message(members[0], id, {"message": "hello"})

    def read(numbers: list[int]) -> list[int]:
        return [direct.update_receipt(members[1], id, {"read_seq": number}).result["read_seq"] for number in numbers]

    numbers = list(range(1, 101))
    shuffled = [random.Random(seed).sample(numbers, 100) for seed in range(4)]
    told = at_once(*(lambda each=each: read(each) for each in shuffled))
    for own, pointers in zip(shuffled, told, strict=True):
        assert pointers == sorted(pointers)
        assert all(pointer >= number for pointer, number in zip(pointers, own, strict=True))
    assert direct.update_receipt(members[1], id, {"read_seq": 0}).result["read_seq"] == 100


def test_sends_receipts_and_reads_at_once_never_block_each_other_for_good(
    direct: Storage, group: tuple[str, list[Caller]]
) -> None:
    id, members = group
    second_id = make_conversation(direct, *reversed(members))

    def use(actor: Caller) -> None:
        chance = random.Random(actor.user_id)
        for _ in range(15):
            conversation_id = chance.choice([id, second_id])
            sent = direct.send_message(actor, conversation_id, {"message": "hello"}).result
            direct.update_receipt(chance.choice(members), chance.choice([id, second_id]), {"read_seq": sent["seq"]})
            direct.sync(actor, {id: 1}, None, 10)
            direct.create_user("renamed", actor.user_id)

    at_once(*(lambda actor=actor: use(actor) for actor in members))  # a deadlock would raise 503
    total = sum(direct.list_messages(None, each, 1).info["last_seq"] for each in (id, second_id))
    assert total == 15 * WRITERS


def test_one_profile_made_at_once_is_one_user(direct: Storage, other: psycopg.Connection) -> None:
    for _ in range(5):
        subject = str(uuid4())
        names = [f"name {number}" for number in range(WRITERS)]
        made = at_once(*(lambda name=name: direct.create_user(name, subject, 1.0) for name in names))  # noqa: B023
        assert {each["id"] for each in made} == {subject}
        assert sorted(each["username"] for each in made) == names
        assert len({each["created_at"] for each in made}) == 1
    assert other.execute("select count(*) from users").fetchone() == (5,)


def test_a_revocation_while_a_send_waits_does_not_lose_what_it_overtakes(
    direct: Storage, group: tuple[str, list[Caller]], other: psycopg.Connection
) -> None:
    """A send that was let in before the revocation is either done or refused as a whole."""
    id, members = group
    with ThreadPoolExecutor(1) as pool:
        lock(other, id)
        sending = pool.submit(direct.send_message, members[0]._replace(issued_at=1.0), id, {"message": "just in time"})
        wait_for_lock(other, sending)
        direct.revoke_tokens(members[0])
        other.commit()
        assert sending.result().result["seq"] == 1
    with pytest.raises(ChatError, match="token_invalid"):
        direct.send_message(members[0]._replace(issued_at=1.0), id, {"message": "too late"})
