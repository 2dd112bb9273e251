"""Devices and whom a message is pushed to, on both drivers."""

import threading
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Storage

Json = dict[str, Any]
Sql = Callable[..., list[Any]]
SERVICES = ["webpush", "expo", "fcm"]


def expo(name: str) -> str:
    return f"ExponentPushToken[{name}]"


def put(storage: Storage, user: Caller, name: str) -> Json:
    device: Json = orjson.loads(storage.put_device(user, user.user_id, expo(name), {"service": "expo"}))
    return device


def tokens(storage: Storage, user: Caller) -> list[str]:
    return [each["token"] for each in orjson.loads(storage.list_devices(user, user.user_id))]


class Group:
    """ann writes; bob, cid and dee are members with a device each."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.ann, self.bob, self.cid, self.dee = (
            Caller(storage.create_user(name)["id"]) for name in ("ann", "bob", "cid", "dee")
        )
        ids = [each.user_id for each in (self.bob, self.cid, self.dee)]
        self.id = storage.create_conversation(self.ann, {"name": "g", "participant_ids": ids}).result["id"]
        for name in ("ann", "bob", "cid", "dee"):
            put(storage, getattr(self, name), name)

    def send(self, **more: Any) -> str:
        draft = {"message": "hello", "client_id": None, **more}
        return str(self.storage.send_message(self.ann, self.id, draft).result["id"])

    def pushed(self, message_id: str, **query: Any) -> list[str]:
        """Return the names of the devices that are to hear of a message."""
        found = self.storage.list_push_targets(message_id, {"services": SERVICES, "limit": 100, **query})
        return sorted(each["token"][18:-1] for each in found["targets"])


@pytest.fixture
def group(storage: Storage) -> Group:
    return Group(storage)


def test_a_device_is_one_users_at_a_time(storage: Storage) -> None:
    ann, bob = (Caller(storage.create_user(name)["id"]) for name in ("ann", "bob"))
    first = put(storage, ann, "phone")
    again = put(storage, ann, "phone")
    assert (again["created_at"], again["service"]) == (first["created_at"], "expo")
    assert again["registered_at"] > first["registered_at"]
    assert put(storage, bob, "phone")["created_at"] >= again["created_at"]
    assert (tokens(storage, ann), tokens(storage, bob)) == ([], [expo("phone")])
    storage.delete_device(ann, ann.user_id, expo("phone"))  # hers no more
    assert tokens(storage, bob) == [expo("phone")]
    gone = orjson.loads(storage.delete_device(bob, bob.user_id, expo("phone")))
    assert gone == {"token": expo("phone"), "service": None, "created_at": None, "registered_at": None}
    assert tokens(storage, bob) == []
    with pytest.raises(ChatError, match="not_allowed"):
        storage.put_device(ann, bob.user_id, expo("x"), {"service": "expo"})


def test_of_more_than_fifty_the_oldest_go(storage: Storage) -> None:
    ann = Caller(storage.create_user("ann")["id"])
    for number in range(52):
        put(storage, ann, str(number))
    assert tokens(storage, ann) == [expo(str(number)) for number in range(51, 1, -1)]


def test_two_users_who_take_devices_from_each_other_at_once(storage: Storage) -> None:
    users = [Caller(storage.create_user(name)["id"]) for name in ("ann", "bob")]
    errors: list[BaseException] = []

    def register(user: Caller) -> None:
        try:
            for number in range(60):
                put(storage, user, str(number))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=register, args=(user,)) for user in users for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    held = [tokens(storage, user) for user in users]
    assert not set(held[0]) & set(held[1])
    assert all(len(each) <= 50 for each in held)


def test_a_dead_device_is_forgotten_unless_it_came_back(storage: Storage) -> None:
    ann = Caller(storage.create_user("ann")["id"])
    dead = {expo(name): put(storage, ann, name)["registered_at"] for name in ("one", "two")}
    put(storage, ann, "two")
    storage.forget_devices(dead)
    assert tokens(storage, ann) == [expo("two")]


def test_who_is_erased_has_no_device_and_gets_none(storage: Storage, sql: Sql, group: Group) -> None:
    storage.update_user(group.bob, group.bob.user_id, {"notifications": "none"})
    message = group.send()
    storage.erase_user(group.bob, group.bob.user_id, True)
    assert sql("select count(*) from chat_devices where user_id = %s", group.bob.user_id) == [(0,)]
    assert sql("select count(*) from chat_push_preferences where user_id = %s", group.bob.user_id) == [(0,)]
    assert group.pushed(message) == ["cid", "dee"]
    with pytest.raises(ChatError):
        put(storage, group.bob, "bob")


def test_devices_are_exported(storage: Storage, group: Group) -> None:
    cursor: Any = {}
    lines: list[Json] = []
    while cursor is not None:
        page = storage.export_user(group.bob, group.bob.user_id, cursor, 1)
        lines += [orjson.loads(line) for line in page["lines"].splitlines()]
        cursor = page["next"]
    (device,) = [line for line in lines if line["kind"] == "device"]
    assert (device["token"], device["service"], device["endpoint"]) == (expo("bob"), "expo", None)


# whom a message is pushed to


def test_all_members_but_the_sender(group: Group) -> None:
    assert group.pushed(group.send()) == ["bob", "cid", "dee"]


def test_what_people_want_to_hear(storage: Storage, group: Group) -> None:
    def want(user: Caller, level: str | None) -> None:
        changed = storage.update_member_settings(user, group.id, {"notifications": level})
        assert changed.result["notifications"] == level

    storage.update_user(group.bob, group.bob.user_id, {"notifications": "mentions"})
    storage.update_user(group.cid, group.cid.user_id, {"notifications": "none"})
    plain, mention = group.send(), group.send(mentions=[group.bob.user_id, group.cid.user_id])
    assert (group.pushed(plain), group.pushed(mention)) == (["dee"], ["bob", "dee"])
    want(group.cid, "mentions")  # the conversation's own comes first
    want(group.dee, "none")
    assert (group.pushed(plain), group.pushed(mention)) == ([], ["bob", "cid"])
    want(group.bob, "all")
    assert group.pushed(plain) == ["bob"]
    want(group.bob, None)
    assert group.pushed(plain) == []


def test_muted_until(storage: Storage, group: Group, sql: Sql) -> None:
    storage.update_member_settings(group.bob, group.id, {"muted_until": "2999-01-01T00:00:00Z"})
    message = group.send(mentions=[group.bob.user_id])
    assert group.pushed(message) == ["cid", "dee"]
    sql("update user_conversation set muted_until = now() - interval '1 second'")
    assert group.pushed(message) == ["bob", "cid", "dee"]


def test_nobody_with_a_block_between(storage: Storage, group: Group) -> None:
    storage.block_user(group.ann, group.bob.user_id)
    storage.block_user(group.cid, group.ann.user_id)
    assert group.pushed(group.send()) == ["dee"]


def test_nobody_who_is_there_or_has_read_it_or_does_not_see_it(storage: Storage, group: Group, sql: Sql) -> None:
    storage.update_presence(
        {"process": "p", "lease": 60, "is_whole": True, "online": [group.bob.user_id], "offline": [], "seconds": 9,
         "watched": []}
    )  # fmt: skip
    message = group.send()
    storage.update_receipt(group.cid, group.id, {"read_seq": 1})
    sql("update user_conversation set history_from = 2 where user_id = %s", group.dee.user_id)
    assert group.pushed(message) == []
    sql("update chat_processes set alive_until = now()")
    assert group.pushed(message) == ["bob"]
    assert group.pushed(group.send()) == ["bob", "cid", "dee"]


def test_nothing_of_a_message_that_is_gone_or_old(storage: Storage, group: Group, sql: Sql) -> None:
    deleted, old = group.send(), group.send()
    storage.delete_message(group.ann, deleted)
    sql("update messages set created_at = now() - interval '25 hours' where id = %s", old)
    for each in (deleted, old, group.id):
        found = storage.list_push_targets(each, {"services": SERVICES, "limit": 100})
        assert found == {"note": None, "targets": [], "next": None}


def test_pages_and_single_devices(storage: Storage, group: Group) -> None:
    message = group.send()
    seen: list[str] = []
    after: str | None = None
    for _ in range(3):  # four members, two a page, and an empty one
        query = {"services": SERVICES, "limit": 2} | ({"after": after} if after else {})
        found = storage.list_push_targets(message, query)
        seen += [each["token"][18:-1] for each in found["targets"]]
        after = found["next"]
    assert (sorted(seen), after) == (["bob", "cid", "dee"], None)
    put(storage, group.bob, "tablet")
    assert group.pushed(message, tokens=[expo("bob"), expo("ann"), expo("nobody")]) == ["bob"]
    assert group.pushed(message, services=["fcm"]) == []


def test_what_there_is_to_tell(storage: Storage, group: Group) -> None:
    bob = group.bob.user_id
    text = f"@[{bob.upper()}] {'x' * 2000}"
    message = group.send(message=text, mentions=[bob, group.cid.user_id])
    found = storage.list_push_targets(message, {"services": SERVICES, "limit": 100})
    assert found["note"] == {
        "conversation_id": group.id, "message_id": message, "seq": 1, "is_direct": False, "conversation": "g",
        "sender": "ann", "text": text[:1000], "file": None, "names": {bob: "bob"},
    }  # fmt: skip


def test_only_who_listens_costs_a_job(storage: Storage, group: Group, sql: Sql) -> None:
    count = "select count(*) from chat_jobs where kind = 'push_message'"
    group.send()
    assert sql(count) == [(0,)]
    storage.set_listeners(webhook=False, push=True)
    message = group.send()
    assert sql("select payload from chat_jobs where kind = 'push_message'") == [({"message_id": message},)]
