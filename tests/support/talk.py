"""A conversation for tests of what may be done with messages: its people, and messages in it."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Change, Page, Storage

Json = dict[str, Any]
Sql = Callable[..., list[Any]]


class Talk:
    """Ann owns a conversation, cid is an admin of it, bob a member; eve is none."""

    def __init__(self, storage: Storage, sql: Sql) -> None:
        self.storage, self.sql = storage, sql
        self.ann, self.bob, self.cid, self.eve = (self.user(name) for name in ("ann", "bob", "cid", "eve"))
        draft = {"name": "a group", "participant_ids": [self.bob.user_id, self.cid.user_id]}
        self.id = str(storage.create_conversation(self.ann, draft).result["id"])
        sql("update user_conversation set role = 'admin' where user_id = %s", self.cid.user_id)

    def user(self, name: str) -> Caller:
        return Caller(self.storage.create_user(name)["id"])

    def add(self, name: str, history_from: int = 1) -> Caller:
        """Return a new member, for whom the messages before this number do not exist."""
        user = self.user(name)
        self.sql(
            "insert into user_conversation (conversation_id, user_id, history_from) values (%s, %s, %s)",
            self.id,
            user.user_id,
            history_from,
        )
        self.sql("select chat_next_version(%s, 0, true)", self.id)
        return user

    def send(self, user: Caller, message: str = "hello", **more: Any) -> Json:
        return self.storage.send_message(user, self.id, {"message": message, **more}).result

    def get(self, user: Caller, message_id: str) -> Json:
        found: Json = json.loads(self.storage.get_message(user, message_id))
        return found

    @property
    def version(self) -> int:
        return int(self.sql("select version from conversations where id = %s", self.id)[0][0])


def items(page: Page) -> list[Json]:
    found: list[Json] = json.loads(page.items)
    return found


def event(change: Change, name: str) -> Json:
    """Return the payload of the one event of a change, which has this name."""
    assert change.announce
    assert change.events is not None
    (announced,) = change.events
    assert announced["event"] == name
    return announced["payload"]


def refused(status: int, code: str, call: Callable[[], Any]) -> ChatError:
    """Make sure that a call is refused with this, and return the error."""
    with pytest.raises(ChatError) as raised:
        call()
    assert (raised.value.status, raised.value.code) == (status, code)
    return raised.value


NOBODY = str(uuid4())
