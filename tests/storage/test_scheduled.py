"""Scheduled messages on both drivers: sent once, at their time, by whichever process; or kept, with what forbade it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Change, Storage
from tests.storage.test_attachments import add as add_file
from tests.storage.test_storage import items, make_conversation, make_users

Json = dict[str, Any]
Sql = Callable[..., list[Any]]
Talk = tuple[Caller, Caller, str]


@pytest.fixture
def talk(storage: Storage) -> Talk:
    """Ann, Bob and their conversation, which is Ann's."""
    ann, bob = make_users(storage, "ann", "bob")
    return ann, bob, make_conversation(storage, ann, bob)


def after(**delay: float) -> str:
    return (datetime.now(UTC) + timedelta(**delay)).isoformat()


def schedule(storage: Storage, talk: Talk, **draft: Any) -> Json:
    """Schedule a message of Bob's."""
    return storage.schedule_message(talk[1], talk[2], {"message": "later", **draft}, after(hours=1))


def send(storage: Storage, scheduled: Json) -> Change:
    return storage.send_scheduled(scheduled["id"], scheduled["send_at"])


def texts(storage: Storage, talk: Talk) -> list[str]:
    return [each["message"] for each in items(storage.list_messages(talk[0], talk[2], 10))]


def waiting(storage: Storage, caller: Caller) -> list[Json]:
    found: list[Json] = orjson.loads(storage.list_scheduled(caller, 10).items)
    return found


def test_it_is_sent_once_and_everybody_hears_of_it(storage: Storage, talk: Talk) -> None:
    scheduled = schedule(storage, talk)
    assert waiting(storage, talk[1]) == [scheduled]
    assert waiting(storage, talk[0]) == []
    change = send(storage, scheduled)
    assert change.announce
    (event,) = change.events or []
    assert (event["event"], event["skips"], event["payload"]) == ("message", "nobody", change.result)
    assert (change.result["message"], change.result["client_id"]) == ("later", scheduled["id"])
    assert waiting(storage, talk[1]) == []
    again = send(storage, scheduled)
    assert (again.announce, again.result) == (False, {})
    assert texts(storage, talk) == ["later"]


def test_its_job_is_due_at_its_time(storage: Storage, talk: Talk, sql: Sql) -> None:
    scheduled = schedule(storage, talk)
    jobs = "select payload ->> 'send_at' = %s, chat_time(run_at) from chat_jobs where kind = 'send_scheduled'"
    ((_, run_at),) = sql(jobs, scheduled["send_at"])
    assert run_at == scheduled["send_at"]
    moved = storage.update_scheduled(talk[1], scheduled["id"], {}, after(hours=2))
    assert [run_at for _, run_at in sql(jobs, "")] == [moved["send_at"]]
    assert not send(storage, scheduled).announce  # the job of the time before
    assert texts(storage, talk) == []
    assert send(storage, moved).announce


def test_nothing_is_left_of_one_that_is_deleted(storage: Storage, talk: Talk, sql: Sql) -> None:
    for _ in range(3):
        storage.delete_scheduled(talk[1], schedule(storage, talk)["id"])
    assert sql("select 1 from chat_jobs where kind = 'send_scheduled'") == []


@pytest.mark.parametrize("delay", [{"seconds": -1}, {"days": 367}])
def test_the_past_and_the_far_future_are_refused(storage: Storage, talk: Talk, delay: dict[str, float]) -> None:
    with pytest.raises(ChatError) as refused:
        storage.schedule_message(talk[1], talk[2], {"message": "x"}, after(**delay))
    assert (refused.value.status, refused.value.code) == (422, "validation_failed")
    assert refused.value.errors == {"send_at": ["Must be a time to come, within a year."]}
    scheduled = schedule(storage, talk)
    with pytest.raises(ChatError, match="validation_failed"):
        storage.update_scheduled(talk[1], scheduled["id"], {}, after(**delay))


def test_what_is_no_longer_allowed_is_kept_and_told_to_its_sender(storage: Storage, talk: Talk, sql: Sql) -> None:
    scheduled = schedule(storage, talk)
    sql("update conversations set frozen = true")
    change = send(storage, scheduled)
    payload = {"id": scheduled["id"], "conversation_id": talk[2], "code": "frozen"}
    assert change.announce
    assert change.events == [{"event": "scheduledFailed", "user_ids": [talk[1].user_id], "payload": payload}]
    assert waiting(storage, talk[1]) == [{**scheduled, "failed": "frozen"}]
    assert not send(storage, scheduled).announce
    sql("update conversations set frozen = false")
    moved = storage.update_scheduled(talk[1], scheduled["id"], {"message": "now"}, after(hours=2))
    assert moved["failed"] is None
    assert send(storage, moved).result["message"] == "now"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("delete from user_conversation where user_id = %s", "conversation_not_found"),
        ("update users set erased_at = now() where id = %s", "user_not_found"),
    ],
)
def test_who_is_no_member_any_longer_sends_nothing(
    storage: Storage, talk: Talk, sql: Sql, change: str, code: str
) -> None:
    scheduled = schedule(storage, talk)
    sql(change, talk[1].user_id)
    ((event,),) = [send(storage, scheduled).events]  # type: ignore[misc]
    assert event["payload"]["code"] == code
    assert texts(storage, talk) == []


def test_slow_mode_puts_it_off(storage: Storage, talk: Talk, sql: Sql) -> None:
    storage.send_message(talk[1], talk[2], {"message": "first"})
    sql("update conversations set slow_mode_seconds = 100")
    scheduled = schedule(storage, talk)
    assert not send(storage, scheduled).announce
    (later,) = waiting(storage, talk[1])
    assert later["failed"] is None
    assert sql("select send_at - now() between '90 s' and '101 s' from chat_scheduled") == [(True,)]
    assert len(sql("select 1 from chat_jobs where kind = 'send_scheduled'")) == 2
    sql("update conversations set slow_mode_seconds = 0")
    assert send(storage, later).announce


def test_a_client_id_schedules_once_and_sends_once(storage: Storage, talk: Talk) -> None:
    first = schedule(storage, talk, client_id="c-1")
    assert schedule(storage, talk, client_id="c-1", message="again") == first
    sent = send(storage, first)
    assert sent.result["client_id"] == "c-1"
    assert storage.send_message(talk[1], talk[2], {"message": "x", "client_id": "c-1"}).result == sent.result


def test_drafts_keep_their_thread_and_quote(storage: Storage, talk: Talk) -> None:
    root = storage.send_message(talk[0], talk[2], {"message": "root"}).result
    draft = {"thread_id": root["id"], "reply_to": root["id"], "mentions": [talk[0].user_id], "custom": {"a": 1}}
    scheduled = schedule(storage, talk, **draft)
    assert draft.items() <= scheduled.items()
    sent = send(storage, scheduled).result
    assert draft.items() <= sent.items()
    assert sent["thread"]["reply_count"] == 1


def test_what_is_of_the_app_is_merged_as_in_an_edit(storage: Storage, talk: Talk) -> None:
    patches = ({"b": 2, "c": {"d": 1}}, {"a": None, "c": {"e": 2}}, {"b": None})
    scheduled = schedule(storage, talk, custom={"a": 1})
    message = storage.send_message(talk[1], talk[2], {"message": "x", "custom": {"a": 1}}).result
    for patch in patches:
        scheduled = storage.update_scheduled(talk[1], scheduled["id"], {"custom": patch})
        message = storage.edit_message(talk[1], message["id"], {"custom": patch}).result
        assert scheduled["custom"] == message["custom"]
    assert send(storage, scheduled).result["custom"] == {"c": {"d": 1, "e": 2}}
    half = {"a": "x" * 3000}
    storage.update_scheduled(talk[1], schedule(storage, talk)["id"], {"custom": half})
    with pytest.raises(ChatError, match="validation_failed"):
        storage.update_scheduled(talk[1], schedule(storage, talk, custom=half)["id"], {"custom": {"b": "x" * 3000}})


def test_its_files_can_be_changed(storage: Storage, talk: Talk) -> None:
    first, second = (add_file(storage, talk[1]) for _ in range(2))
    scheduled = schedule(storage, talk, attachments=[first])
    scheduled = storage.update_scheduled(talk[1], scheduled["id"], {"attachments": [second, first]})
    assert scheduled["attachments"] == [second, first]
    scheduled = storage.update_scheduled(talk[1], scheduled["id"], {"attachments": [second]})
    assert [each["id"] for each in send(storage, scheduled).result["attachments"]] == [second]
    assert storage.get_attachment(talk[1], first)["id"] == first  # sent with nothing
    without_text = schedule(storage, talk, message="", attachments=[first])
    with pytest.raises(ChatError) as refused:
        storage.update_scheduled(talk[1], without_text["id"], {"attachments": []})
    assert refused.value.errors == {"attachments": ["A message without text needs one."]}
    assert waiting(storage, talk[1]) == [without_text]


def test_files_are_looked_at_when_they_are_scheduled(storage: Storage, talk: Talk) -> None:
    used, others = add_file(storage, talk[1]), add_file(storage, talk[0])
    storage.send_message(talk[1], talk[2], {"message": "", "attachments": [used]})
    scheduled = schedule(storage, talk)
    for attachments, code in (
        ([used], "attachment_used"),
        ([others], "attachment_not_found"),
        ([str(uuid4())], "attachment_not_found"),
    ):
        with pytest.raises(ChatError, match=code):
            schedule(storage, talk, attachments=attachments)
        with pytest.raises(ChatError, match=code):
            storage.update_scheduled(talk[1], scheduled["id"], {"attachments": attachments})
    assert waiting(storage, talk[1]) == [scheduled]


def test_others_find_nothing(storage: Storage, talk: Talk) -> None:
    scheduled = schedule(storage, talk)
    for call in (
        lambda: storage.update_scheduled(talk[0], scheduled["id"], {"message": "x"}),
        lambda: storage.delete_scheduled(talk[0], scheduled["id"]),
    ):
        with pytest.raises(ChatError, match="scheduled_not_found"):
            call()
    assert orjson.loads(storage.delete_scheduled(talk[1], scheduled["id"])) == scheduled
    assert not send(storage, scheduled).announce


def test_a_thousand_wait_at_most(storage: Storage, talk: Talk, sql: Sql) -> None:
    sql(
        "insert into chat_scheduled (conversation_id, user_id, draft, send_at) "
        "select %s, %s, '{}', now() from generate_series(1, 1000)",
        talk[2],
        talk[1].user_id,
    )
    with pytest.raises(ChatError, match="too_many_scheduled"):
        schedule(storage, talk)


def test_they_come_in_pages_the_soonest_first(storage: Storage, talk: Talk) -> None:
    for hours in (3, 1, 2):
        storage.schedule_message(talk[1], talk[2], {"message": str(hours)}, after(hours=hours))
    first = storage.list_scheduled(talk[1], 2)
    assert [each["message"] for each in orjson.loads(first.items)] == ["1", "2"]
    following = first.info["next"]
    rest = storage.list_scheduled(talk[1], 2, following["at"], following["id"])
    assert [each["message"] for each in orjson.loads(rest.items)] == ["3"]
    assert rest.info["next"] is None
