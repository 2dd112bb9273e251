"""Messages are edited, on both drivers: who may, what changes, and what they said before."""

import json
from typing import Any

import pytest

from chat.storage import Storage
from tests.support.talk import NOBODY, Sql, Talk, event, items, refused


@pytest.fixture
def talk(storage: Storage, sql: Sql) -> Talk:
    return Talk(storage, sql)


def test_a_message_that_somebody_may_not_see_is_none(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.ann)["id"]
    late = talk.add("late", history_from=2)
    for user, id in ((talk.eve, message), (late, message), (talk.ann, NOBODY)):
        for call in (
            lambda: storage.get_message(user, id),  # noqa: B023
            lambda: storage.edit_message(user, id, {"message": "x"}),  # noqa: B023
            lambda: storage.delete_message(user, id),  # noqa: B023
            lambda: storage.list_message_edits(user, id, 10),  # noqa: B023
            lambda: storage.add_reaction(user, id, "👍"),  # noqa: B023
            lambda: storage.remove_reaction(user, id, "👍"),  # noqa: B023
            lambda: storage.list_reactions(user, id, None, 10),  # noqa: B023
            lambda: storage.set_pin(user, id, True),  # noqa: B023
        ):
            refused(404, "message_not_found", call)
    assert talk.get(talk.ann, message)["version"] == 2


def test_only_the_author_edits(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.bob)["id"]
    for user in (talk.ann, talk.cid):
        refused(403, "not_allowed", lambda: storage.edit_message(user, message, {"message": "x"}))  # noqa: B023
    assert storage.edit_message(talk.bob, message, {"message": "x"}).result["message"] == "x"


def test_the_author_and_admins_delete(storage: Storage, talk: Talk) -> None:
    dan = talk.add("dan")
    refused(403, "not_allowed", lambda: storage.delete_message(dan, talk.send(talk.bob)["id"]))
    for user in (talk.bob, talk.cid, talk.ann):
        assert storage.delete_message(user, talk.send(talk.bob)["id"]).announce
    assert storage.delete_message(talk.cid, talk.send(talk.ann)["id"]).announce  # the owner's too


def test_nobody_edits_a_system_message_and_only_admins_delete_one(storage: Storage, talk: Talk, sql: Sql) -> None:
    message = talk.send(talk.bob)["id"]
    sql("update messages set type = 'system' where id = %s", message)
    refused(403, "not_allowed", lambda: storage.edit_message(talk.bob, message, {"message": "x"}))
    refused(403, "not_allowed", lambda: storage.delete_message(talk.bob, message))
    assert storage.delete_message(talk.cid, message).announce


def test_where_nobody_may_write_nobody_edits_or_reacts_but_takes_back(storage: Storage, talk: Talk, sql: Sql) -> None:
    message = talk.send(talk.bob)["id"]
    storage.add_reaction(talk.bob, message, "👍")
    sql("update conversations set frozen = true")
    refused(403, "frozen", lambda: storage.edit_message(talk.bob, message, {"message": "x"}))
    refused(403, "frozen", lambda: storage.add_reaction(talk.bob, message, "👎"))
    assert storage.add_reaction(talk.cid, message, "👎").announce
    sql("update conversations set frozen = false, type = 'direct'")
    sql("delete from user_conversation where user_id = %s", talk.cid.user_id)
    sql("insert into chat_blocks values (%s, %s)", talk.ann.user_id, talk.bob.user_id)
    for user in (talk.ann, talk.bob):
        refused(403, "blocked", lambda: storage.add_reaction(user, message, "👎"))  # noqa: B023
    refused(403, "blocked", lambda: storage.edit_message(talk.bob, message, {"message": "x"}))
    assert storage.remove_reaction(talk.bob, message, "👍").announce
    assert storage.delete_message(talk.bob, message).announce


def test_an_edit_is_a_version_and_its_event_is_the_message(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.bob, "one")
    change = storage.edit_message(talk.bob, message["id"], {"message": "two"})
    assert change.result["message"] == "two"
    assert change.result["version"] == talk.version == message["version"] + 1
    assert change.result["edited_at"] > message["created_at"] == change.result["created_at"]
    assert event(change, "messageUpdated") == change.result == talk.get(talk.ann, message["id"])


def test_an_edit_that_changes_nothing_is_none(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.bob, "one", custom={"x": 1}, mentions=[talk.ann.user_id])
    before = talk.get(talk.bob, message["id"])
    for change in (
        {"message": "one"},
        {"custom": {"x": 1}},
        {"custom": {}},
        {"custom": {"y": None}},
        {"mentions": [talk.ann.user_id]},
        {"attachments": []},
    ):
        done = storage.edit_message(talk.bob, message["id"], change)
        assert (done.announce, done.result) == (False, before)
    assert talk.version == message["version"]


def test_custom_is_merged(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.bob, custom={"a": 1, "b": {"c": 2, "d": [1, {"e": None}]}})["id"]

    def merged(patch: Any) -> Any:
        return storage.edit_message(talk.bob, message, {"custom": patch}).result["custom"]

    assert merged({"b": {"c": None, "f": "x"}}) == {"a": 1, "b": {"d": [1, {"e": None}], "f": "x"}}
    assert merged({"a": {"g": None, "h": {"i": None}}}) == {"a": {"h": {}}, "b": {"d": [1, {"e": None}], "f": "x"}}
    assert merged({"b": [1, None]}) == {"a": {"h": {}}, "b": [1, None]}
    assert merged({"a": None, "b": None}) == {}
    deep: Any = {}
    for _ in range(250):
        deep = {"a": deep}
    assert merged(deep) == deep
    assert talk.get(talk.bob, message)["edited_at"] is None  # the text is what it was


def test_custom_does_not_grow_beyond_four_kibibytes(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.bob)["id"]
    most = {"a": 'é\\" \\n' * 20, "list": [1, 2, {"x y": " "}]}
    most["b"] = "x" * (4096 - len('{"a":"","list":[1,2,{"x y":" "}],"b":""}') - 20 * (2 + 2 + 2 + 1 + 2 + 1))
    assert storage.edit_message(talk.bob, message, {"custom": most}).result["custom"] == most
    error = refused(422, "validation_failed", lambda: storage.edit_message(talk.bob, message, {"custom": {"c": 1}}))
    assert error.errors == {"custom": ["Larger than 4 KiB as JSON."]}
    assert talk.get(talk.bob, message)["custom"] == most


def test_mentions_are_read_anew(storage: Storage, talk: Talk, sql: Sql) -> None:
    ann, bob, cid = (each.user_id for each in (talk.ann, talk.bob, talk.cid))
    message = talk.send(talk.bob, f"@[{ann}] look", mentions=[cid])["id"]

    def mentioned(**change: Any) -> set[str]:
        found = set(storage.edit_message(talk.bob, message, change).result["mentions"])
        assert {str(id) for (id,) in sql("select user_id from chat_mentions")} == found - {bob}
        return found

    assert mentioned(message=f"@[{ann}] look here") == {ann, cid}
    assert mentioned(message="look here") == {cid}  # who was listed stays
    assert mentioned(mentions=[ann, bob, talk.eve.user_id]) == {ann, bob}
    assert mentioned(message=f"@[{cid}]", mentions=[]) == {cid}
    assert mentioned(message="nobody") == set()


def test_attachments_that_are_not_listed_go(storage: Storage, talk: Talk, sql: Sql) -> None:
    message = talk.send(talk.bob)["id"]
    first, second = ({"id": f"00000000-0000-4000-8000-00000000000{n}", "name": f"{n}.png"} for n in (1, 2))
    sql("update messages set attachments = jsonb_build_array(%s::jsonb, %s::jsonb)", *map(json.dumps, (first, second)))
    for each in (first, second):
        columns = "(id, user_id, message_id, name, type, size, state)"
        insert = f"insert into chat_attachments {columns} values (%s, %s, %s, %s, '', 1, 'ready')"
        sql(insert, each["id"], talk.bob.user_id, message, each["name"])
    refused(404, "attachment_not_found", lambda: storage.edit_message(talk.bob, message, {"attachments": [NOBODY]}))
    kept = storage.edit_message(talk.bob, message, {"attachments": [second["id"], second["id"]]})
    assert [each["id"] for each in kept.result["attachments"]] == [second["id"]]
    sql("update messages set message = ''")
    error = refused(422, "validation_failed", lambda: storage.edit_message(talk.bob, message, {"attachments": []}))
    assert error.errors == {"attachments": ["A message without text needs one."]}


def test_a_version_guards_the_text_and_nothing_else(storage: Storage, talk: Talk) -> None:
    sent = talk.send(talk.bob, "one")
    message, version = sent["id"], sent["version"]
    storage.add_reaction(talk.ann, message, "👍")
    storage.set_pin(talk.ann, message, True)
    talk.send(talk.ann, "reply", thread_id=message)
    edited = storage.edit_message(talk.bob, message, {"message": "two", "version": version}).result
    for change in ({"message": "three"}, {"custom": {"x": 1}}, {"mentions": [talk.ann.user_id]}, {"attachments": []}):
        stale = change | {"version": edited["version"] - 1}
        refused(409, "version_conflict", lambda: storage.edit_message(talk.bob, message, stale))  # noqa: B023
    assert talk.get(talk.bob, message) == edited | {"reactions": [edited["reactions"][0] | {"me": False}]}
    by_custom = storage.edit_message(talk.bob, message, {"custom": {"x": 1}, "version": edited["version"]}).result
    refused(
        409,
        "version_conflict",
        lambda: storage.edit_message(talk.bob, message, {"message": "three", "version": edited["version"]}),
    )
    assert storage.edit_message(talk.bob, message, {"message": "three", "version": by_custom["version"]}).announce


def test_the_history_holds_every_earlier_text(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.bob, "one")
    assert items(storage.list_message_edits(talk.ann, message["id"], 10)) == []
    versions = [talk.get(talk.bob, message["id"])]
    for text in ("two", "three", "four"):
        storage.edit_message(talk.bob, message["id"], {"custom": {"x": text}})  # no text, and not in the history
        storage.edit_message(talk.bob, message["id"], {"message": text})
        versions.append(talk.get(talk.bob, message["id"]))
    history = items(storage.list_message_edits(talk.ann, message["id"], 10))
    assert [each["message"] for each in history] == ["one", "two", "three"]
    written = [versions[0]["created_at"], versions[1]["edited_at"], versions[2]["edited_at"]]
    assert [each["edited_at"] for each in history] == written
    assert {each["user_id"] for each in history} == {talk.bob.user_id}
    assert [each["version"] for each in history] == sorted({each["version"] for each in history})
    page = storage.list_message_edits(talk.ann, message["id"], 2)
    assert items(page) == history[:2]
    following = storage.list_message_edits(talk.ann, message["id"], 2, page.info["next"])
    assert (items(following), following.info["next"]) == (history[2:], None)


def test_a_page_of_history_ends_early(storage: Storage, talk: Talk) -> None:
    message = talk.send(talk.bob, "é" * 10_000)["id"]
    for number in range(120):
        storage.edit_message(talk.bob, message, {"message": f"{number}".ljust(10_000, "é")})
    page = storage.list_message_edits(talk.bob, message, 200)
    assert len(page.items.encode()) < 2.2 * 1024 * 1024
    rest = storage.list_message_edits(talk.bob, message, 200, page.info["next"])
    assert len(items(page)) + len(items(rest)) == 120
