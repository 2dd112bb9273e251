"""Who is in a conversation: asked for once per change of the members, and kept within bounds."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from chat.auth import Caller
from chat.realtime.audience import Audiences
from chat.storage import Storage

Sql = Callable[..., list[Any]]


class World:
    """Conversations, the audiences of a process, and the queries that those made."""

    def __init__(self, app: Flask, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sql = sql
        self.asked: list[str] = []
        storage = app.extensions["storage"]
        call_text = storage.call_text

        def counted(function: str, **args: Any) -> str:
            self.asked.append(args["p_conversation_id"])
            return str(call_text(function, **args))

        monkeypatch.setattr(storage, "call_text", counted)

    def users(self, count: int) -> list[str]:
        query = "insert into users (username) select 'user' from generate_series(1, %s) returning id::text"
        return [id for (id,) in self.sql(query, count)]

    def conversation(self, *users: str) -> str:
        draft = json.dumps({"name": "a group", "participant_ids": users})
        made = self.sql("select chat_create_conversation(%s, null, %s) -> 'result' ->> 'id'", users[0], draft)
        return str(made[0][0])

    def change(self, id: str, user: str, *, add: bool) -> int:
        """Add or remove a member, and return the conversation's new audience version."""
        if add:
            self.sql("insert into user_conversation (conversation_id, user_id) values (%s, %s)", id, user)
        else:
            self.sql("delete from user_conversation where conversation_id = %s and user_id = %s", id, user)
        return int(self.sql("select (chat_next_version(%s, 0, true)).audience_version", id)[0][0])


@pytest.fixture
def world(app: Flask, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with app.app_context():
        yield World(app, sql, monkeypatch)


def test_members_are_asked_for_once_per_version(world: World) -> None:
    ann, bob, cem = world.users(3)
    id = world.conversation(ann, bob)
    audiences = Audiences()
    for _ in range(3):
        assert set(audiences.members(id, 1).user_ids) == {ann, bob}
    assert world.asked == [id]
    version = world.change(id, cem, add=True)
    assert set(audiences.members(id, version).user_ids) == {ann, bob, cem}
    version = world.change(id, bob, add=False)
    assert set(audiences.members(id, version).user_ids) == {ann, cem}
    assert set(audiences.members(id, version).user_ids) == {ann, cem}
    assert set(audiences.members(id, 1).user_ids) == {ann, cem}  # a write of before the removal, announced after it
    assert world.asked == [id] * 3


def test_nobody_is_in_a_conversation_that_is_gone(world: World, sql: Sql) -> None:
    ann, bob = world.users(2)
    id = world.conversation(ann, bob)
    audiences = Audiences()
    audiences.members(id, 1)
    sql("delete from conversations where id = %s", id)
    assert audiences.members(id, 2).user_ids == ()


def test_what_is_kept_is_bounded(world: World) -> None:
    users = world.users(10)
    ids = [world.conversation(*users[: 2 + number % 5]) for number in range(30)]
    audiences = Audiences(max_ids=20)
    for id in ids:
        audiences.members(id, 1)
        kept = sum(len(each.user_ids) for each in audiences._kept.values())
        assert kept == audiences._ids <= 20
    assert world.asked == ids
    audiences.members(ids[-1], 1)
    assert world.asked == ids  # the latest is kept
    audiences.members(ids[0], 1)
    assert world.asked == [*ids, ids[0]]  # the earliest is not


def test_what_is_used_stays(world: World) -> None:
    users = world.users(4)
    used, *others = [world.conversation(*users) for _ in range(10)]
    audiences = Audiences(max_ids=8)
    for id in others:
        audiences.members(used, 1)
        audiences.members(id, 1)
    assert world.asked == [used, *others]


def test_one_that_is_larger_than_all_may_be_is_kept_alone(world: World) -> None:
    users = world.users(10)
    id, other = world.conversation(*users), world.conversation(*users[:2])
    audiences = Audiences(max_ids=5)
    for _ in range(3):
        assert len(audiences.members(id, 1).user_ids) == 10
    audiences.members(other, 1)
    assert world.asked == [id, other]
    assert audiences._ids == 2


def test_both_drivers_say_who_is_there_and_that_nobody_is(storage: Storage) -> None:
    ann, bob = (storage.create_user(name)["id"] for name in ("ann", "bob"))
    id = storage.create_conversation(Caller(ann), {"name": "a group", "participant_ids": [bob]}).result["id"]
    found = storage.get_audience(id)
    assert found
    assert (found["audience_version"], sorted(found["user_ids"])) == (1, sorted([ann, bob]))
    assert storage.get_audience(ann) is None
