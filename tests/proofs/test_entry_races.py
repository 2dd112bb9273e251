"""Who comes in while something else happens to them, held up on purpose by a lock of somebody else."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chat.errors import ChatError
from chat.storage import Storage
from tests.proofs.test_race import wait_for_lock
from tests.storage.test_storage import make_conversation, make_users

Sql = Callable[..., list[Any]]


def test_a_member_removed_while_joining_again_stays_out_of_a_private_conversation(
    direct: Storage, other: psycopg.Connection, sql: Sql
) -> None:
    ann, bob = make_users(direct, "ann", "bob")
    id = make_conversation(direct, ann, bob)
    other.execute("select chat_remove_member(%s, null, %s, %s, false)", [ann.user_id, id, bob.user_id])
    with ThreadPoolExecutor() as pool:
        joining = pool.submit(direct.join_conversation, bob, id, False)
        wait_for_lock(other, joining)
        other.commit()
        with pytest.raises(ChatError, match="conversation_not_found"):
            joining.result()
    assert sql("select user_id::text from user_conversation where conversation_id = %s", id) == [(ann.user_id,)]


def test_who_is_erased_while_joining_becomes_no_member(direct: Storage, other: psycopg.Connection, sql: Sql) -> None:
    ann, bob = make_users(direct, "ann", "bob")
    id = make_conversation(direct, ann)
    direct.update_conversation(ann, id, {"visibility": "public"}, False)
    other.execute("select from conversations where id = %s for no key update", [id])
    with ThreadPoolExecutor() as pool:
        joining = pool.submit(direct.join_conversation, bob, id, False)
        wait_for_lock(other, joining)
        direct.erase_user(bob, bob.user_id, False)
        assert direct.list_traces(bob.user_id, False) == []
        other.commit()
        with pytest.raises(ChatError, match="user_not_found"):
            joining.result()
    assert sql("select user_id::text from user_conversation where conversation_id = %s", id) == [(ann.user_id,)]


def test_a_scheduled_message_is_sent_while_its_conversation_is_deleted(
    direct: Storage, other: psycopg.Connection, sql: Sql
) -> None:
    ann, bob = make_users(direct, "ann", "bob")
    id = make_conversation(direct, ann, bob)
    scheduled = direct.schedule_message(bob, id, {"message": "late"}, (datetime.now(UTC) + timedelta(1)).isoformat())
    other.execute("select from conversations where id = %s for no key update", [id])
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(direct.send_scheduled, scheduled["id"], scheduled["send_at"])
        wait_for_lock(other, sending)
        other.execute("delete from conversations where id = %s", [id])  # and what hangs on it: no deadlock
        other.commit()
        assert not sending.result().announce
    assert sql("select 1 from chat_scheduled") == []
