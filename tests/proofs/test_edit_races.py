"""Changes of one message at once, in the database: threads on connections of their own."""

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Storage
from tests.proofs.test_race import WRITERS, at_once, lock, wait_for_lock
from tests.storage.test_storage import make_conversation, make_users
from tests.support.talk import items

Group = tuple[str, list[Caller]]


@pytest.fixture
def group(direct: Storage) -> Group:
    """A conversation and its members, one for each writer."""
    members = make_users(direct, *(f"user {number}" for number in range(WRITERS)))
    return make_conversation(direct, *members), members


def send(storage: Storage, group: Group, **draft: Any) -> dict[str, Any]:
    return storage.send_message(group[1][0], group[0], {"message": "hello", **draft}).result


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or the code with which it is refused."""
    try:
        return call()
    except ChatError as error:
        return error.code


def test_of_two_edits_of_one_version_one_wins(direct: Storage, group: Group) -> None:
    author = group[1][0]
    for _ in range(20):
        message = send(direct, group)
        edits = [{"message": text, "version": message["version"]} for text in ("left", "right", "custom")]
        edits[2] = {"custom": {"x": 1}, "version": message["version"]}
        done = at_once(
            *(lambda edit=edit: outcome(lambda: direct.edit_message(author, message["id"], edit)) for edit in edits)  # noqa: B023
        )
        (won,) = (each for each in done if each != "version_conflict")
        found = json.loads(direct.get_message(author, message["id"]))
        assert found == won.result
        earlier = items(direct.list_message_edits(author, message["id"], 10))
        assert [each["message"] for each in earlier] == ([] if found["custom"] else ["hello"])


def test_edits_at_once_leave_a_history_without_a_gap(direct: Storage, group: Group) -> None:
    author, message = group[1][0], send(direct, group)["id"]
    texts = [f"text {number}" for number in range(WRITERS)]
    done = at_once(*(lambda text=text: direct.edit_message(author, message, {"message": text}) for text in texts))
    done.sort(key=lambda change: change.result["version"])
    history = items(direct.list_message_edits(author, message, 100))
    shown = [each["message"] for each in history] + [json.loads(direct.get_message(author, message))["message"]]
    assert shown == ["hello"] + [change.result["message"] for change in done]


def test_an_edit_or_a_reaction_beside_a_deletion_leaves_nothing(
    direct: Storage, group: Group, other: psycopg.Connection
) -> None:
    author, reader = group[1][:2]
    for _ in range(20):
        message = send(direct, group)["id"]
        done = at_once(
            lambda: outcome(lambda: direct.edit_message(author, message, {"message": "@[x] edited"})),  # noqa: B023
            lambda: outcome(lambda: direct.add_reaction(reader, message, "👍")),  # noqa: B023
            lambda: outcome(lambda: direct.set_pin(author, message, True)),  # noqa: B023
            lambda: outcome(lambda: direct.delete_message(author, message)),  # noqa: B023
        )
        deletion = done.pop().result
        for each in done:
            assert each == "message_not_found" or each.result["version"] < deletion["version"]
        found = json.loads(direct.get_message(author, message))
        assert found == {name: value for name, value in deletion.items() if name != "thread"}
        assert (found["message"], found["reactions"], found["pinned_at"]) == ("", [], None)
    for table in ("chat_message_edits", "chat_reactions"):
        assert other.execute(f"select count(*) from {table}").fetchone() == (0,)  # type: ignore[call-overload]


def test_one_who_reacts_twice_at_once_has_reacted_once(direct: Storage, group: Group) -> None:
    actor = group[1][1]
    message, version = send(direct, group)["id"], 2
    for change in direct.add_reaction, direct.remove_reaction:
        done = at_once(*[lambda: change(actor, message, "👍")] * WRITERS)  # noqa: B023
        version += 1
        assert [each.announce for each in done].count(True) == 1
        assert {each.result["version"] for each in done} == {version}
        count = int(change == direct.add_reaction)
        assert [each["count"] for each in json.loads(direct.get_message(actor, message))["reactions"]] == [1] * count
    assert items(direct.list_conversations(actor, 1, 0))[0]["version"] == version


def test_many_react_and_take_back_at_once_and_are_counted_right(
    direct: Storage, group: Group, other: psycopg.Connection
) -> None:
    members = group[1]
    message = send(direct, group)["id"]

    def use(actor: Caller) -> list[tuple[int, bool]]:
        chance, done = random.Random(actor.user_id), []
        for _ in range(25):
            change = chance.choice([direct.add_reaction, direct.remove_reaction])(
                actor, message, chance.choice("👍👎🎉")
            )
            done.append((change.result["version"], change.announce))
        return done

    changes = [each for done in at_once(*(lambda actor=actor: use(actor) for actor in members)) for each in done]
    versions = sorted(version for version, is_change in changes if is_change)
    assert versions == list(range(3, 3 + len(versions)))
    rows = other.execute(
        "select emoji, count(*), array_agg(user_id::text order by created_at, user_id) "
        "from chat_reactions group by emoji"
    ).fetchall()
    for viewer in members:
        shown = json.loads(direct.get_message(viewer, message))["reactions"]
        assert {each["emoji"]: (each["count"], each["user_ids"]) for each in shown} == {
            emoji: (count, ids) for emoji, count, ids in rows
        }
        assert all(each["me"] == (viewer.user_id in each["user_ids"]) for each in shown)


def test_replies_and_their_deletions_at_once_are_counted_right(direct: Storage, group: Group) -> None:
    id, members = group
    root = send(direct, group)["id"]

    def use(actor: Caller) -> list[dict[str, Any]]:
        left = []
        for number in range(10):
            reply = direct.send_message(actor, id, {"message": "reply", "thread_id": root}).result
            if number % 2:
                direct.delete_message(actor, reply["id"])
            else:
                left.append(reply)
        return left

    left = [each for replies in at_once(*(lambda actor=actor: use(actor) for actor in members)) for each in replies]
    found = json.loads(direct.get_message(members[0], root))
    assert found["reply_count"] == len(left) == 5 * WRITERS
    assert found["last_reply_at"] == max(each["created_at"] for each in left)


@pytest.mark.parametrize("method", ["edit_message", "add_reaction", "set_pin", "delete_message"])
def test_a_member_removed_while_its_change_waits_has_changed_nothing(
    direct: Storage, group: Group, other: psycopg.Connection, method: str
) -> None:
    id, members = group
    message = direct.send_message(members[1], id, {"message": "hello"}).result["id"]
    more = {"edit_message": [{"message": "x"}], "add_reaction": ["👍"], "set_pin": [True]}.get(method, [])
    with ThreadPoolExecutor(1) as pool:
        lock(other, id)
        other.execute("delete from user_conversation where user_id = %s", (members[1].user_id,))
        changing = pool.submit(getattr(direct, method), members[1], message, *more)
        wait_for_lock(other, changing)
        other.commit()
        with pytest.raises(ChatError, match="message_not_found"):
            changing.result()
    assert json.loads(direct.get_message(members[0], message))["version"] == 2
