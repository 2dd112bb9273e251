"""Reactions and pins on both drivers."""

from typing import Any

import pytest

from chat.storage import Storage
from tests.support.talk import Sql, Talk, event, items, refused


@pytest.fixture
def talk(storage: Storage, sql: Sql) -> Talk:
    return Talk(storage, sql)


def test_a_reaction_is_a_version_and_a_small_event(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.ann, "x" * 10_000)
    change = storage.add_reaction(talk.bob, message["id"], "👍")
    summary = {"emoji": "👍", "count": 1, "user_ids": [talk.bob.user_id]}
    assert change.result["reactions"] == [summary | {"me": True}]
    assert change.result["version"] == talk.version == message["version"] + 1
    assert event(change, "reaction") == {
        "message_id": message["id"],
        "conversation_id": talk.id,
        "seq": 1,
        "version": talk.version,
        "emoji": "👍",
        "user_id": talk.bob.user_id,
        "added": True,
        "count": 1,
    }
    assert change.events is not None
    assert change.events[0]["burst"] == change.result | {"reactions": [summary]}  # type: ignore[typeddict-item]
    assert talk.get(talk.ann, message["id"])["reactions"] == [summary | {"me": False}]
    change = storage.remove_reaction(talk.bob, message["id"], "👍")
    assert change.result == message_of(message) | {"version": talk.version}
    gone = event(change, "reaction")
    assert (gone["added"], gone["count"], gone["version"]) == (False, 0, talk.version)


def message_of(sent: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sent.items() if name not in ("thread", "conversations")}


def test_a_second_time_nothing_happens(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.ann)["id"]
    assert not storage.remove_reaction(talk.bob, message, "👍").announce
    first = storage.add_reaction(talk.bob, message, "👍")
    again = storage.add_reaction(talk.bob, message, "👍")
    assert (again.announce, again.result) == (False, first.result)
    storage.remove_reaction(talk.bob, message, "👍")
    version = talk.version
    assert not storage.remove_reaction(talk.bob, message, "👍").announce
    assert talk.version == version


def test_the_oldest_kind_comes_first(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.ann)["id"]

    def shown() -> list[tuple[str, int]]:
        return [(each["emoji"], each["count"]) for each in talk.get(talk.ann, message)["reactions"]]

    for user, emoji in ((talk.bob, "👍"), (talk.bob, "👎"), (talk.ann, "👎"), (talk.cid, ":tea:"), (talk.ann, "👍")):
        storage.add_reaction(user, message, emoji)
    assert shown() == [("👍", 2), ("👎", 2), (":tea:", 1)]
    storage.remove_reaction(talk.bob, message, "👍")
    assert shown() == [("👍", 1), ("👎", 2), (":tea:", 1)]
    storage.remove_reaction(talk.ann, message, "👍")
    assert shown() == [("👎", 2), (":tea:", 1)]
    storage.add_reaction(talk.ann, message, "👍")
    assert shown() == [("👎", 2), (":tea:", 1), ("👍", 1)]


def test_emoji_that_look_alike_are_two(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.ann)["id"]
    for emoji in ("❤", "❤\ufe0f", "👍", "👍🏽"):
        storage.add_reaction(talk.bob, message, emoji)
    assert [each["emoji"] for each in talk.get(talk.bob, message)["reactions"]] == ["❤", "❤\ufe0f", "👍", "👍🏽"]


def test_twenty_kinds_are_the_most(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.ann)["id"]
    for number in range(20):
        storage.add_reaction(talk.bob, message, f":{number}:")
    error = refused(422, "too_many_reactions", lambda: storage.add_reaction(talk.bob, message, ":20:"))
    assert error.errors == {"emoji": ["A message has at most 20 kinds of reactions."]}
    version = talk.version
    assert len(talk.get(talk.bob, message)["reactions"]) == 20
    assert len(items(storage.list_reactions(talk.bob, message, None, 50))) == 20
    assert storage.add_reaction(talk.ann, message, ":19:").result["version"] == version + 1
    storage.remove_reaction(talk.bob, message, ":0:")
    assert storage.add_reaction(talk.bob, message, ":20:").announce


def test_the_first_twenty_who_reacted_are_named(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.ann)["id"]
    users = [talk.add(f"user {number}") for number in range(23)]
    for user in users:
        storage.add_reaction(user, message, "👍")

    def named() -> tuple[int, list[str]]:
        (reaction,) = talk.get(talk.ann, message)["reactions"]
        return reaction["count"], reaction["user_ids"]

    ids = [user.user_id for user in users]
    assert named() == (23, ids[:20])
    assert talk.get(users[22], message)["reactions"][0]["me"] is True
    storage.remove_reaction(users[22], message, "👍")
    assert named() == (22, ids[:20])
    storage.remove_reaction(users[3], message, "👍")
    assert named() == (21, ids[:3] + ids[4:21])


def test_who_reacted_in_pages(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.ann)["id"]
    users = [talk.add(f"user {number}") for number in range(5)]
    for number, user in enumerate(users):
        storage.add_reaction(user, message, "👍")
        if number % 2:
            storage.add_reaction(user, message, "👎")

    def pages(emoji: str | None, limit: int) -> list[list[tuple[str, str]]]:
        found, cursor = [], {}
        while True:
            page = storage.list_reactions(talk.ann, message, emoji, limit, **cursor)
            found.append([(each["emoji"], each["users"]["username"]) for each in items(page)])
            if page.info["next"] is None:
                return found
            cursor = {f"before_{name}": value for name, value in page.info["next"].items()}

    ups = [("👍", f"user {number}") for number in (4, 3, 2, 1, 0)]
    downs = [("👎", f"user {number}") for number in (3, 1)]
    everything = [ups[0], downs[0], ups[1], ups[2], downs[1], ups[3], ups[4]]
    assert pages("👍", 50) == [ups]
    assert pages("👍", 5) == [ups]
    assert pages("👍", 2) == [ups[:2], ups[2:4], ups[4:]]
    assert pages("👎", 1) == [downs[:1], downs[1:]]
    assert pages(None, 3) == [everything[:3], everything[3:6], everything[6:]]
    assert pages("🎉", 3) == [[]]
    (first, *_) = items(storage.list_reactions(talk.ann, message, "👎", 1))
    assert first.keys() == {"emoji", "user_id", "users", "created_at"}
    assert first["user_id"] == first["users"]["id"] == users[3].user_id


# pins


def test_admins_pin(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.bob)
    refused(403, "not_allowed", lambda: storage.set_pin(talk.bob, message["id"], True))
    change = storage.set_pin(talk.cid, message["id"], True)
    assert change.result["pinned_at"] > message["created_at"]
    assert change.result["version"] == talk.version
    assert event(change, "messageUpdated") == change.result
    refused(403, "not_allowed", lambda: storage.set_pin(talk.bob, message["id"], False))
    again = storage.set_pin(talk.ann, message["id"], True)
    assert (again.announce, again.result) == (False, change.result)
    change = storage.set_pin(talk.ann, message["id"], False)
    assert event(change, "messageUpdated")["pinned_at"] is None
    assert not storage.set_pin(talk.ann, message["id"], False).announce


def test_everybody_pins_in_a_direct_conversation(storage: Storage, talk: Talk, sql: Sql) -> None:
    message = talk.send(talk.ann)["id"]
    sql("update conversations set type = 'direct'")
    assert storage.set_pin(talk.bob, message, True).announce
    assert storage.set_pin(talk.bob, message, False).announce


def test_the_newest_pin_comes_first(storage: Storage, talk: Talk) -> None:
    messages = [talk.send(talk.ann, f"{number}")["id"] for number in range(6)]
    order = [messages[number] for number in (3, 1, 4, 0, 5)]
    for message in order:
        storage.set_pin(talk.ann, message, True)
    storage.set_pin(talk.ann, messages[4], False)
    storage.add_reaction(talk.ann, messages[5], "👍")
    expected = [messages[number] for number in (5, 0, 1, 3)]
    page = storage.list_pins(talk.bob, talk.id, 50)
    assert ([each["id"] for each in items(page)], page.info["next"]) == (expected, None)
    assert items(page)[0] == talk.get(talk.bob, messages[5])
    page = storage.list_pins(talk.bob, talk.id, 3)
    assert [each["id"] for each in items(page)] == expected[:3]
    cursor = {f"before_{name}": value for name, value in page.info["next"].items()}
    page = storage.list_pins(talk.bob, talk.id, 3, **cursor)
    assert ([each["id"] for each in items(page)], page.info["next"]) == (expected[3:], None)
    late = talk.add("late", history_from=6)
    assert [each["id"] for each in items(storage.list_pins(late, talk.id, 50))] == [messages[5]]
    refused(404, "conversation_not_found", lambda: storage.list_pins(talk.eve, talk.id, 50))


def test_a_page_of_pins_ends_early(storage: Storage, talk: Talk, sql: Sql) -> None:
    for number in range(150):
        talk.send(talk.ann, f"{number}".ljust(10_000, "é"))
    sql("update messages set pinned_at = created_at")
    page = storage.list_pins(talk.ann, talk.id, 200)
    assert 2 * 1024 * 1024 < len(page.items.encode()) < 2.2 * 1024 * 1024
    cursor = {f"before_{name}": value for name, value in page.info["next"].items()}
    assert len(items(page)) + len(items(storage.list_pins(talk.ann, talk.id, 200, **cursor))) == 150
