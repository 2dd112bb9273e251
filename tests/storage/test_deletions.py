"""Messages are deleted, on both drivers: nothing is left of them but their place."""

import pytest

from chat.storage import Storage
from tests.support.talk import Sql, Talk, event, items, refused


@pytest.fixture
def talk(storage: Storage, sql: Sql) -> Talk:
    return Talk(storage, sql)


def test_of_a_deleted_message_nothing_is_left(storage: Storage, talk: Talk, sql: Sql) -> None:
    quoted = talk.send(talk.ann, "the original")
    message = talk.send(
        talk.bob, "secret", client_id="c", reply_to=quoted["id"], mentions=[talk.ann.user_id], custom={"secret": 1}
    )
    storage.edit_message(talk.bob, message["id"], {"message": "secret two"})
    storage.add_reaction(talk.ann, message["id"], "👍")
    storage.set_pin(talk.ann, message["id"], True)
    sql("""update messages set attachments = '[{"name": "secret"}]' where id = %s""", message["id"])
    change = storage.delete_message(talk.bob, message["id"])
    tombstone = change.result
    kept = ("id", "conversation_id", "seq", "type", "user_id", "users", "created_at", "client_id", "reply_to")
    assert {name: tombstone[name] for name in kept} == {name: message[name] for name in kept}
    empty = {name: value for name, value in tombstone.items() if name not in (*kept, "version", "deleted_at")}
    assert empty == {
        "message": "",
        "edited_at": None,
        "quote": None,
        "thread_id": None,
        "reply_count": 0,
        "last_reply_at": None,
        "reactions": [],
        "mentions": [],
        "attachments": [],
        "pinned_at": None,
        "custom": {},
        "thread": None,
    }
    assert tombstone["version"] == talk.version
    told = ("id", "conversation_id", "seq", "version", "deleted_at", "thread")
    assert event(change, "messageDeleted") == {name: tombstone[name] for name in told}
    for table in ("messages", "chat_message_edits", "chat_reactions", "chat_mentions"):
        rows = sql(f"select * from {table} as t where t::text like '%%secret%%' or t::text like '%%👍%%'")
        assert rows == [], table
    assert sql("select count(*) from chat_mentions") == [(0,)]
    assert talk.get(talk.ann, message["id"]) == {name: tombstone[name] for name in tombstone if name != "thread"}
    assert items(storage.list_message_edits(talk.bob, message["id"], 10)) == []
    assert items(storage.list_reactions(talk.bob, message["id"], None, 10)) == []
    assert items(storage.list_pins(talk.bob, talk.id, 10)) == []


def test_a_second_time_nothing_happens(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.bob)["id"]
    first = storage.delete_message(talk.bob, message)
    version = talk.version
    for user in (talk.bob, talk.ann):
        again = storage.delete_message(user, message)
        assert (again.announce, again.result) == (False, first.result)
    refused(403, "not_allowed", lambda: storage.delete_message(talk.add("dan"), message))
    for call in (
        lambda: storage.edit_message(talk.bob, message, {"message": "x"}),
        lambda: storage.add_reaction(talk.bob, message, "👍"),
        lambda: storage.remove_reaction(talk.bob, message, "👍"),
        lambda: storage.set_pin(talk.ann, message, True),
    ):
        refused(404, "message_not_found", call)
    assert talk.version == version + 1  # dan came in


def test_a_deleted_reply_counts_no_longer(storage: Storage, talk: Talk) -> None:
    root = talk.send(talk.ann, "root")["id"]
    replies = [talk.send(talk.bob, "reply", thread_id=root) for _ in range(3)]
    left = [replies[1], replies[0]]
    for deleted, last in zip((replies[2], replies[1]), left, strict=True):
        change = storage.delete_message(talk.bob, deleted["id"])
        now = talk.get(talk.ann, root)
        assert change.result["thread"] == event(change, "messageDeleted")["thread"]
        assert change.result["thread"] == {
            "id": root,
            "seq": 1,
            "reply_count": now["reply_count"],
            "last_reply_at": last["created_at"],
        }
        assert now["version"] == change.result["version"] == talk.version
    assert now["reply_count"] == 1
    assert storage.delete_message(talk.bob, replies[0]["id"]).result["thread"]["last_reply_at"] is None
    assert storage.delete_message(talk.bob, replies[0]["id"]).result["thread"]["reply_count"] == 0


def test_an_older_reply_deleted_leaves_the_last_one(storage: Storage, talk: Talk) -> None:
    root = talk.send(talk.ann, "root")["id"]
    first, last = (talk.send(talk.bob, "reply", thread_id=root) for _ in range(2))
    storage.delete_message(talk.bob, first["id"])
    assert talk.get(talk.ann, root)["last_reply_at"] == last["created_at"]


def test_a_deleted_root_keeps_its_thread(storage: Storage, talk: Talk) -> None:
    root = talk.send(talk.ann, "root")["id"]
    talk.send(talk.bob, "reply", thread_id=root)
    tombstone = storage.delete_message(talk.ann, root).result
    assert (tombstone["reply_count"], tombstone["last_reply_at"]) == (1, None)
    reply = talk.send(talk.bob, "reply", thread_id=root)
    assert reply["thread"] == {"id": root, "seq": 1, "reply_count": 2, "last_reply_at": None}
    assert talk.get(talk.ann, root)["last_reply_at"] is None


def test_who_came_after_the_root_learns_nothing_of_it(storage: Storage, talk: Talk, sql: Sql) -> None:
    root = talk.send(talk.ann, "root")["id"]
    reply = talk.send(talk.bob, "reply", thread_id=root)["id"]
    late = talk.add("late", history_from=2)
    sql("update user_conversation set role = 'admin' where user_id = %s", late.user_id)
    change = storage.set_pin(late, reply, True)
    assert (change.result["thread_id"], event(change, "messageUpdated")["thread_id"]) == (None, root)
    assert change.events is not None
    assert change.events[0]["root_seq"] == 1
    change = storage.delete_message(late, reply)
    assert (change.result["thread_id"], change.result["thread"]) == (None, None)
    assert event(change, "messageDeleted")["thread"]["id"] == root
