"""Deleted messages: they keep their place and their number, and their text is nowhere."""

from collections.abc import Callable
from typing import Any

from tests.support.client import Api

Json = dict[str, Any]
Sql = Callable[..., list[Any]]


def delete(sql: Sql, message: Json) -> None:
    """Delete a message: it keeps its number, and is changed at the conversation's next version."""
    sql(
        "with c as (update conversations set version = version + 1 where id = %s returning version) "
        "update messages set deleted_at = now(), version = c.version from c where messages.id = %s",
        message["conversation_id"],
        message["id"],
    )


def test_deleted_message_is_a_tombstone(api: Api, ann: Json, bob: Json, talk: Json, sql: Sql) -> None:
    delete(sql, talk["messages"][1])
    (changed,) = api.sync(bob, {talk["id"]: talk["version"]})["conversations"]
    (tombstone,) = changed["messages"]
    assert tombstone["id"] == talk["messages"][1]["id"]
    assert (tombstone["seq"], tombstone["version"], tombstone["message"]) == (2, talk["version"] + 1, "")
    assert tombstone["deleted_at"] is not None
    assert changed["version"] == talk["version"] + 1
    assert changed["last_seq"] == 3


def test_deleted_text_is_nowhere(api: Api, ann: Json, bob: Json, sql: Sql) -> None:
    talk = api.conversation(ann, bob)
    gone = api.send(talk, ann, "regretted", client_id="mine")
    delete(sql, gone)
    seen = [
        api.sync(bob),
        api.sync(bob, {talk["id"]: talk["version"]}),
        api.sync(bob, {talk["id"]: talk["version"]}, limit=1),
        api.conversations(bob),
        api.messages(talk),
        api.messages(talk, f"user_id={bob['id']}&around_seq=1"),
        api.send(talk, ann, "regretted", client_id="mine"),  # a late retry of what is deleted by now
    ]
    assert "regretted" not in str(seen)
    assert all(gone["id"] in str(answer) for answer in seen)


def test_new_start_is_the_newest_page_also_when_old_messages_changed(api: Api, bob: Json, talk: Json, sql: Sql) -> None:
    for message in talk["messages"][:2]:
        delete(sql, message)
    (changed,) = api.sync(bob, {talk["id"]: talk["version"]}, limit=1)["conversations"]
    assert changed["recovered"] is False
    assert [message["message"] for message in changed["messages"]] == ["three"]
