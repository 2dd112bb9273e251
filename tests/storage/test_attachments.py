"""Attachments on both drivers: who may read and send them, and what becomes of those that are not needed."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Storage
from tests.storage.test_storage import make_conversation, make_users

Sql = Callable[..., list[Any]]
DAY = 24 * 3600.0
FILE = {"name": "a.txt", "type": "text/plain", "size": 3}


def add(storage: Storage, caller: Caller, **facts: Any) -> str:
    """Return the id of an attachment that can be sent."""
    id = storage.add_attachment(caller, FILE | facts).strip('"')
    storage.finish_attachment(caller, id)
    return id


def send(storage: Storage, caller: Caller, conversation: str, *ids: str, **more: Any) -> dict[str, Any]:
    return storage.send_message(caller, conversation, {"message": "", "attachments": list(ids), **more}).result


@pytest.fixture
def ann(storage: Storage) -> Caller:
    return make_users(storage, "ann")[0]


@pytest.fixture
def bob(storage: Storage) -> Caller:
    return make_users(storage, "bob")[0]


@pytest.fixture
def conversation(storage: Storage, ann: Caller, bob: Caller) -> str:
    return make_conversation(storage, ann, bob)


def refused(status: int, code: str) -> Any:
    return pytest.raises(ChatError, match=f"^{code}$", check=lambda error: error.status == status)  # type: ignore[call-overload]


def test_a_file_that_is_not_finished_cannot_be_read_or_sent(storage: Storage, ann: Caller, conversation: str) -> None:
    id = storage.add_attachment(ann, FILE).strip('"')
    with refused(404, "attachment_not_found"):
        storage.get_attachment(ann, id)
    with refused(404, "attachment_not_found"):
        send(storage, ann, conversation, id)
    storage.finish_attachment(ann, id)
    storage.finish_attachment(ann, id)  # the answer was lost
    assert storage.get_attachment(ann, id)["size"] == 3


def test_nobody_finishes_the_file_of_another(storage: Storage, ann: Caller, bob: Caller) -> None:
    id = storage.add_attachment(ann, FILE).strip('"')
    for caller, named in ((bob, id), (ann, str(uuid4()))):
        with refused(404, "attachment_not_found"):
            storage.finish_attachment(caller, named)


def test_a_message_carries_its_files_in_order(storage: Storage, ann: Caller, conversation: str) -> None:
    ids = [add(storage, ann, name=f"{number}.txt") for number in range(10)][::-1]
    sent = send(storage, ann, conversation, *ids)
    assert [each["id"] for each in sent["attachments"]] == ids
    assert sent["message"] == ""
    page = storage.list_messages(ann, conversation, 10).items
    assert all(id in page for id in ids)


def test_members_read_what_was_sent_and_nobody_else(
    storage: Storage, ann: Caller, bob: Caller, conversation: str, sql: Sql
) -> None:
    eve = make_users(storage, "eve")[0]
    id = add(storage, ann)
    with refused(404, "attachment_not_found"):
        storage.get_attachment(bob, id)
    sent = send(storage, ann, conversation, id)
    assert storage.get_attachment(bob, id)["id"] == storage.get_attachment(ann, id)["id"] == id
    with refused(404, "attachment_not_found"):
        storage.get_attachment(eve, id)
    sql("update user_conversation set history_from = %s where user_id = %s", sent["seq"] + 1, bob.user_id)
    with refused(404, "attachment_not_found"):
        storage.get_attachment(bob, id)
    sql("delete from user_conversation where user_id = %s", ann.user_id)
    with refused(404, "attachment_not_found"):
        storage.get_attachment(ann, id)


def test_a_file_belongs_to_one_message(storage: Storage, ann: Caller, bob: Caller, conversation: str, sql: Sql) -> None:
    id, other, foreign = add(storage, ann), add(storage, ann), add(storage, bob)
    send(storage, ann, conversation, id)
    before = sql("select * from conversations"), sql("select * from chat_attachments order by id")
    with refused(409, "attachment_used"):
        send(storage, ann, conversation, other, id)
    for missing in (foreign, str(uuid4())):
        with refused(404, "attachment_not_found"):
            send(storage, ann, conversation, other, missing)
    assert before == (sql("select * from conversations"), sql("select * from chat_attachments order by id"))


def test_a_repeated_send_gets_the_first_answer(storage: Storage, ann: Caller, conversation: str) -> None:
    id = add(storage, ann)
    first = send(storage, ann, conversation, id, client_id="c1")
    again = send(storage, ann, conversation, id, client_id="c1")
    assert (again["id"], again["attachments"]) == (first["id"], first["attachments"])


def test_a_file_that_is_named_twice_is_there_once(storage: Storage, ann: Caller, conversation: str) -> None:
    id = add(storage, ann)
    assert len(send(storage, ann, conversation, id, id)["attachments"]) == 1


def test_released_files_are_gone_at_once_and_the_rest_stays(
    storage: Storage, ann: Caller, conversation: str, sql: Sql
) -> None:
    kept, dropped = add(storage, ann), add(storage, ann)
    sent = send(storage, ann, conversation, kept, dropped)
    ((left,),) = sql("select chat_release_attachments(%s, %s::uuid[])", sent["id"], [kept])
    assert left == sent["attachments"][:1]
    assert storage.get_attachment(ann, kept)
    with refused(404, "attachment_not_found"):
        storage.get_attachment(ann, dropped)
    with pytest.raises(Exception, match="attachment_not_found"):
        sql("select chat_release_attachments(%s, %s::uuid[])", sent["id"], [kept, dropped])
    assert storage.claim_dead_attachments(DAY, 100) == [dropped]
    assert sql("select chat_release_attachments(%s, null)", sent["id"]) == [(None,)]
    assert set(storage.claim_dead_attachments(DAY, 100)) == {kept, dropped}


def test_what_is_swept(storage: Storage, ann: Caller, conversation: str, sql: Sql) -> None:
    young, sent, gone = add(storage, ann), add(storage, ann), add(storage, ann)
    broken = storage.add_attachment(ann, FILE).strip('"')
    old, planned = add(storage, ann), add(storage, ann)
    send(storage, ann, conversation, sent)
    deleted = send(storage, ann, conversation, gone)
    sql("delete from messages where id = %s", deleted["id"])
    sql("update chat_attachments set created_at = now() - interval '25 hours' where id <> %s", young)
    sql(
        "insert into chat_scheduled (conversation_id, user_id, draft, send_at) values "
        "(%s, %s, jsonb_build_object('attachments', jsonb_build_array(%s::text)), now() + interval '9 days')",
        conversation,
        ann.user_id,
        planned,
    )
    dead = {old, broken, gone}
    assert set(storage.claim_dead_attachments(DAY, 100)) == dead
    assert set(storage.claim_dead_attachments(DAY, 100)) == dead  # until their files are gone
    with refused(404, "attachment_not_found"):
        send(storage, ann, conversation, old)
    with refused(404, "attachment_not_found"):
        storage.finish_attachment(ann, broken)
    assert storage.delete_attachments([*dead, sent, young]) == 3
    assert storage.claim_dead_attachments(DAY, 100) == []
    assert set(storage.list_unknown_attachments([*dead, sent, young])) == dead
    assert storage.list_unknown_attachments([]) == []


def test_a_sweep_takes_no_more_than_it_is_told(storage: Storage, ann: Caller) -> None:
    for _ in range(5):
        add(storage, ann)
    assert len(storage.claim_dead_attachments(0, 3)) == 3


def test_a_deleted_conversation_leaves_its_files_to_the_sweep(
    storage: Storage, ann: Caller, conversation: str, sql: Sql
) -> None:
    id = add(storage, ann)
    send(storage, ann, conversation, id)
    sql("delete from conversations where id = %s", conversation)
    with refused(404, "attachment_not_found"):
        storage.get_attachment(ann, id)
    other = make_conversation(storage, ann)
    with refused(409, "attachment_used"):
        send(storage, ann, other, id)
    assert storage.claim_dead_attachments(DAY, 100) == [id]


def test_an_edit_drops_the_files_that_it_does_not_keep_and_a_deletion_all(
    storage: Storage, ann: Caller, bob: Caller, conversation: str
) -> None:
    kept, dropped = add(storage, ann), add(storage, ann)
    sent = send(storage, ann, conversation, kept, dropped)
    edited = storage.edit_message(ann, sent["id"], {"attachments": [kept]}).result
    assert edited["attachments"] == sent["attachments"][:1]
    with refused(404, "attachment_not_found"):
        storage.get_attachment(bob, dropped)
    assert storage.get_attachment(bob, kept)["id"] == kept
    assert storage.claim_dead_attachments(DAY, 10) == [dropped]
    storage.delete_message(ann, sent["id"])
    with refused(404, "attachment_not_found"):
        storage.get_attachment(bob, kept)
    assert set(storage.claim_dead_attachments(DAY, 10)) == {kept, dropped}
