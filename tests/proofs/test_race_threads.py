"""Threads and scheduled messages under calls at once: counts stay right, and what is scheduled is sent once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Storage
from tests.proofs.test_race import at_once, group
from tests.storage.test_storage import items

__all__ = ["group"]  # a fixture

Group = tuple[str, list[Caller]]


def send_all(direct: Storage, group: Group, draft: dict[str, Any]) -> list[Any]:
    return at_once(*[lambda member=member: direct.send_message(member, group[0], draft) for member in group[1]])


def test_replies_at_once_are_all_counted_and_all_who_wrote_follow(direct: Storage, group: Group) -> None:
    conversation_id, members = group
    root = direct.send_message(members[0], conversation_id, {"message": "root"}).result
    named = " ".join(f"@[{member.user_id}]" for member in members)
    for _ in range(5):
        send_all(direct, group, {"message": named, "thread_id": root["id"]})
    newest = items(direct.list_messages(members[0], conversation_id, 100))
    counts = [each["reply_count"] for each in newest if each["id"] == root["id"]]
    assert counts == [5 * len(members)]
    assert len({each["version"] for each in newest[1:]}) == 5 * len(members)
    for member in members:
        (thread,) = orjson.loads(direct.list_threads(member, 10).items)
        assert thread["following"]


def test_following_and_replies_at_once_end_in_an_order(direct: Storage, group: Group) -> None:
    conversation_id, members = group
    root = direct.send_message(members[0], conversation_id, {"message": "root"}).result
    draft = {"message": f"@[{members[1].user_id}]", "thread_id": root["id"]}
    for _ in range(10):
        at_once(
            lambda: direct.follow_thread(members[1], root["id"], False),
            lambda: direct.send_message(members[0], conversation_id, draft),
            lambda: direct.send_message(members[2], conversation_id, draft),
            lambda: direct.read_thread(members[1], root["id"], 999),
        )
        # Who chose not to follow was not drawn in by being mentioned, whichever came first.
        assert orjson.loads(direct.list_threads(members[1], 10).items) == []
        direct.follow_thread(members[1], root["id"], True)
        assert len(orjson.loads(direct.list_threads(members[1], 10).items)) == 1


def test_a_scheduled_message_is_sent_once_by_many_at_once(direct: Storage, group: Group) -> None:
    conversation_id, members = group
    for number in range(10):
        soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        scheduled = direct.schedule_message(members[0], conversation_id, {"message": str(number)}, soon)
        works = [lambda row=scheduled: direct.send_scheduled(row["id"], row["send_at"])] * 6
        assert sum(change.announce for change in at_once(*works)) == 1
    sent = [each["message"] for each in items(direct.list_messages(members[0], conversation_id, 100))]
    assert sent == [str(number) for number in range(10)]


def test_what_is_deleted_or_moved_while_it_is_sent_is_either(direct: Storage, group: Group) -> None:
    conversation_id, members = group
    sent = kept = 0
    for number in range(20):
        at = datetime.now(UTC) + timedelta(hours=1)
        scheduled = direct.schedule_message(members[0], conversation_id, {"message": "x"}, at.isoformat())
        later = (at + timedelta(hours=1)).isoformat()

        def change(id: str = scheduled["id"], moves: bool = number % 2 == 0, later: str = later) -> bool:
            try:
                if moves:
                    direct.update_scheduled(members[0], id, {"message": "y"}, later)
                else:
                    direct.delete_scheduled(members[0], id)
            except ChatError:  # it has been sent
                return False
            return True

        changed, was_sent = at_once(
            change, lambda row=scheduled: direct.send_scheduled(row["id"], row["send_at"]).announce
        )
        assert changed is not was_sent
        sent, kept = sent + was_sent, kept + (changed and number % 2 == 0)
    assert len(items(direct.list_messages(members[0], conversation_id, 100))) == sent
    assert len(orjson.loads(direct.list_scheduled(members[0], 100).items)) == kept


@pytest.mark.parametrize("repeats", [5])
def test_scheduling_at_once_with_one_client_id_is_one(direct: Storage, group: Group, repeats: int) -> None:
    conversation_id, members = group
    for number in range(repeats):
        soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        draft = {"message": "x", "client_id": f"c-{number}"}
        found = at_once(*[lambda d=draft, at=soon: direct.schedule_message(members[0], conversation_id, d, at)] * 6)
        assert len({each["id"] for each in found}) == 1
