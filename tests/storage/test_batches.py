"""Many sends in one call: each comes to what it would come to alone, on both drivers."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Change, Storage
from tests.support.tour import uid


def make_users(storage: Storage, *names: str) -> list[Caller]:
    return [Caller(storage.create_user(name)["id"]) for name in names]


def open_conversation(storage: Storage, owner: Caller, *others: Caller) -> str:
    draft = {"name": "a group", "participant_ids": [other.user_id for other in others]}
    return storage.create_conversation(owner, draft).result["id"]


def send(caller: Caller, conversation_id: str, message: str, client_id: str | None = None) -> dict[str, Any]:
    return {
        "user_id": caller.user_id,
        "issued_at": caller.issued_at,
        "conversation_id": conversation_id,
        "message": message,
        "client_id": client_id,
    }


def changes(outcomes: list[Change | ChatError]) -> list[Change]:
    assert all(isinstance(outcome, Change) for outcome in outcomes), outcomes
    return outcomes  # type: ignore[return-value]


def test_each_send_is_answered_as_alone(storage: Storage) -> None:
    ann, bob = make_users(storage, "ann", "bob")
    room = open_conversation(storage, ann, bob)
    (together,) = changes(storage.send_messages([send(ann, room, "together")]))
    alone = storage.send_message(ann, room, {"message": "together", "client_id": None})
    for name in ("id", "created_at", "seq", "version"):
        assert together.result.pop(name) != alone.result.pop(name)
    assert together.result["conversations"].pop("version") == 2
    assert together.result["conversations"].pop("last_seq") == 1
    assert alone.result["conversations"].pop("version") == 3
    assert alone.result["conversations"].pop("last_seq") == 2
    assert together == alone


def test_numbers_follow_the_order_of_the_sends(storage: Storage) -> None:
    ann, bob = make_users(storage, "ann", "bob")
    first, second = (open_conversation(storage, ann, bob) for _ in range(2))
    storage.send_message(ann, first, {"message": "before", "client_id": None})
    sends = [send((ann, bob)[number % 2], (first, second)[number % 3 == 0], f"{number}") for number in range(12)]
    outcomes = changes(storage.send_messages(sends))
    assert [outcome.result["message"] for outcome in outcomes] == [str(number) for number in range(12)]
    for room, newest in ((first, 1), (second, 0)):
        mine = [outcome.result for outcome in outcomes if outcome.result["conversation_id"] == room]
        count = len(mine)
        assert [each["seq"] for each in mine] == list(range(newest + 1, newest + count + 1))
        assert [each["version"] for each in mine] == list(range(newest + 2, newest + count + 2))
        times = [each["created_at"] for each in mine]
        assert times == sorted(set(times))
        for each in mine:
            assert each["conversations"]["last_seq"] == each["seq"]
            assert each["conversations"]["version"] == each["version"]
        page = storage.list_messages(ann, room, 200)
        assert page.info["last_seq"] == newest + count


def test_a_bad_send_does_not_fail_its_neighbours(storage: Storage) -> None:
    ann, bob, eve = make_users(storage, "ann", "bob", "eve")
    room = open_conversation(storage, ann, bob)
    revoked = ann._replace(issued_at=storage.revoke_tokens(ann)["revoked_at"] - 1)
    outcomes = storage.send_messages(
        [
            send(eve, room, "let me in"),
            send(ann, room, "one"),
            send(Caller(uid(99)), room, "who am I"),
            send(revoked, room, "too late"),
            send(bob, uid(98), "nowhere"),
            send(bob, room, "two"),
        ]
    )
    codes = [outcome.code if isinstance(outcome, ChatError) else outcome.result["seq"] for outcome in outcomes]
    assert codes == ["conversation_not_found", 1, "user_not_found", "token_invalid", "conversation_not_found", 2]
    statuses = [outcome.status for outcome in outcomes if isinstance(outcome, ChatError)]
    assert statuses == [404, 404, 401, 404]


def test_a_repeated_send_gets_the_first_answer(storage: Storage) -> None:
    ann, bob = make_users(storage, "ann", "bob")
    room = open_conversation(storage, ann, bob)
    first, _ = changes(storage.send_messages([send(ann, room, "once", "c-1"), send(bob, room, "mine", "c-1")]))
    again, other = changes(storage.send_messages([send(ann, room, "twice", "c-1"), send(ann, room, "new", "c-2")]))
    assert again == first
    assert other.result["seq"] == 3
    assert storage.send_message(ann, room, {"message": "x", "client_id": "c-2"}) == other


def test_sending_reads_what_was_there(storage: Storage) -> None:
    ann, bob = make_users(storage, "ann", "bob")
    room = open_conversation(storage, ann, bob)
    storage.send_messages([send(ann, room, "1"), send(bob, room, "2"), send(ann, room, "3"), send(ann, room, "4")])
    assert f'"{room}"' not in storage.list_unread(ann)
    assert f'"{room}" : 2' in storage.list_unread(bob)


def test_batches_at_once_lose_nothing_and_never_wait_in_a_circle(storage: Storage) -> None:
    ann, bob = make_users(storage, "ann", "bob")
    rooms = [open_conversation(storage, ann, bob) for _ in range(4)]

    def write(turn: int) -> list[Change]:
        ordered = rooms if turn % 2 else rooms[::-1]
        return changes(storage.send_messages([send(ann, room, f"{turn}") for room in ordered]))

    with ThreadPoolExecutor(6) as pool:
        results = [change.result for batch in pool.map(write, range(30)) for change in batch]
    for room in rooms:
        assert sorted(each["seq"] for each in results if each["conversation_id"] == room) == list(range(1, 31))


@pytest.mark.parametrize("text", ["\\u0041", '"quoted"', "\n\t", "👩‍👩‍👧", "x" * 10_000])
def test_any_text_arrives_as_it_is(storage: Storage, text: str) -> None:
    (ann,) = make_users(storage, "ann")
    (change,) = changes(storage.send_messages([send(ann, open_conversation(storage, ann), text)]))
    assert change.result["message"] == text
