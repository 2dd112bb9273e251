"""A tour of the storage: every method once or more, as one story whose answers can be compared."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Page, Storage
from chat.storage.migrations import migrations

CURSOR = re.compile(r'(?<="cursor" : ")[^"]+')
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00|(?<=\"revoked_at\" : )[\d.]+")


def uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


class Recorder(Storage):
    """Hands every call on to another storage, and keeps its function, its arguments and what came back."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.calls: list[tuple[str, dict[str, Any], str]] = []

    def call_text(self, function: str, **args: Any) -> str:
        try:
            text = self._storage.call_text(function, **args)
        except ChatError as error:
            self.calls.append((function, args, f"{error.status} {error.code}: {error.detail}"))
            raise
        self.calls.append((function, args, text))
        return text

    def open(self) -> None:
        self._storage.open()

    def migrate(self) -> str:
        return self._storage.migrate()

    def close(self) -> None:
        self._storage.close()

    @property
    def answers(self) -> Iterator[str]:
        """Every answer, the same for the same story: ids are numbered, times and cursors marked."""
        made: dict[str, str] = {}
        for function, _, text in self.calls:
            if function == "chat_describe_database":  # which tells databases apart
                continue
            text = UUID.sub(lambda found: made.setdefault(found[0], f"id {len(made)}"), text)
            yield f"{function}: {CURSOR.sub('cursor', TIME.sub('time', text))}"


def take(storage: Storage) -> Recorder:
    """Take the tour on an empty database and return what was called and answered."""
    recorder = Recorder(storage)
    _tour(recorder)
    return recorder


def _tour(storage: Storage) -> None:
    assert storage.get_schema()["version"] == migrations().version
    names = ("ann", "bob", "Ömer 👩‍👩‍👧 שלום", "o'\"\\%_")
    ann, bob, omer, quote = (Caller(storage.create_user(name, uid(n))["id"]) for n, name in enumerate(names))
    storage.create_user("Ann", ann.user_id)
    storage.create_user("sam")
    storage.get_user(ann)
    for query in (None, "", "B", "ömer", "%", "_", "\\", "'", "nobody"):
        storage.search_users(ann, query)

    everyone = [bob.user_id, omer.user_id, omer.user_id, ann.user_id]
    first = storage.create_conversation(ann, {"name": "all of us ✓", "participant_ids": everyone}).result["id"]
    second = storage.create_conversation(bob, {"name": "alone", "participant_ids": []}).result["id"]
    with_nobody = {"name": "with nobody", "participant_ids": [bob.user_id, uid(99)]}
    _fails(404, lambda: storage.create_conversation(ann, with_nobody))
    for conversation_id in (first, second, uid(98)):
        storage.get_audience(conversation_id)
    for number in range(5):
        storage.send_message((ann, bob)[number % 2], first, {"message": f'"\\ {number}\n😀'})
    storage.send_message(omer, first, {"message": "once", "client_id": "c-1"})
    storage.send_message(omer, first, {"message": "twice", "client_id": "c-1"})
    _fails(404, lambda: storage.send_message(ann, second, {"message": "let me in"}))
    page = storage.list_conversations(bob, 1, 2)
    storage.list_conversations(bob, 1, 0, True, page.info["next"])
    storage.list_conversations(quote, 50, 10)

    for cursor in ({}, {"before_seq": 3}, {"after_seq": 3}, {"around_seq": 3}, {"after_date": "2000-01-01T00:00:00Z"}):
        pages: list[Page] = [storage.list_messages(actor, first, 2, **cursor) for actor in (None, bob)]
        assert pages[0] == pages[1]
    _fails(404, lambda: storage.list_messages(ann, second, 2))

    storage.update_receipt(bob, first, {"read_seq": 2, "delivered_seq": 3})
    storage.update_receipt(bob, first, {"delivered_seq": 2**53 - 1})
    storage.update_receipt(bob, first, {"read_seq": 1})
    storage.list_receipts(ann, first)
    storage.list_unread(bob)
    storage.sync(bob, {}, None, 50)
    storage.sync(bob, {first: 5, second: 1, uid(98): 7}, None, 50)
    storage.sync(bob, {first: 1}, None, 2)
    storage.sync(bob, None, "0.1", 2)

    _change_members(storage, first, ann, bob, omer, quote)
    _operators_tour(storage, first)
    revocation = storage.revoke_tokens(ann)
    assert {**revocation, "is_erased": False} in storage.list_revocations(60)
    storage.get_user(Caller(ann.user_id, revocation["revoked_at"]))
    _fails(401, lambda: storage.get_user(Caller(ann.user_id, revocation["revoked_at"] - 0.001)))


def _change_members(storage: Storage, id: str, ann: Caller, bob: Caller, omer: Caller, quote: Caller) -> None:
    storage.get_conversation(bob, id)
    storage.update_conversation(ann, id, {"name": "„new“ ✓", "visibility": "public", "custom": {"a": [1, None]}}, True)
    _fails(403, lambda: storage.update_conversation(bob, id, {"name": "ours"}, True))
    _fails(422, lambda: storage.update_conversation(ann, id, {"custom": {"b": "x" * 4096}}, True))
    storage.list_public_conversations(quote, "NEW", 1)
    storage.list_public_conversations(quote, None, 1, "2999-01-01T00:00:00Z", uid(0))
    storage.join_conversation(quote, id, True)
    storage.update_member(ann, id, bob.user_id, {"role": "admin", "custom": {"x": "😀"}})
    page = storage.list_members(ann, id, 1)
    storage.list_members(ann, id, 10, page.info["next"])
    storage.update_member_settings(bob, id, {"pinned": True, "archived": True, "muted_until": "2999-01-01T00:00:00Z"})
    storage.update_member_settings(bob, id, {"archived": False, "muted_until": None})
    storage.remove_member(bob, id, omer.user_id, True)
    _fails(404, lambda: storage.get_conversation(omer, id))
    draft = {"participant_ids": [omer.user_id, ann.user_id], "role": "member", "history_from": 3}
    storage.add_members(bob, id, draft, True)
    storage.sync(omer, {}, None, 50)
    for number in range(2):
        storage.create_invite(ann, id, f"code {number}", {"expires_in": 60, "uses": 1})
    page = storage.list_invites(ann, id, 1)
    storage.list_invites(ann, id, 1, page.info["next"])
    storage.remove_member(quote, id, quote.user_id, False)
    storage.get_invite(quote, "code 0")
    storage.get_invite_conversation("code 0")
    storage.accept_invite(quote, "code 0", True)
    _fails(404, lambda: storage.get_invite(quote, "code 0"))
    storage.delete_invite(ann, "code 1")
    storage.open_direct_conversation(ann, bob.user_id)
    storage.delete_conversation(
        bob, storage.create_conversation(bob, {"name": "x", "participant_ids": []}).result["id"]
    )


def _operators_tour(storage: Storage, conversation_id: str) -> None:
    found = storage.find_users(None, False, 2)
    storage.find_users(None, False, 2, found[-1]["username"], found[-1]["id"])
    for exact in (False, True):
        storage.find_users("ANN", exact, 50)
    for target in (uid(1), uid(97)):
        storage.describe_user(target)
        storage.describe_conversation(target, 2)
    storage.describe_conversation(conversation_id, 2)
    (newest,) = storage.find_conversations(None, 1)
    storage.find_conversations("a", 5, newest["last_activity_at"], newest["id"])
    assert storage.age_demo(conversation_id, {"demo-1": 60}) == 0
    assert storage.describe_database()["max_connections"] > 0


def _fails(status: int, call: Callable[[], object]) -> None:
    with pytest.raises(ChatError) as refused:
        call()
    assert refused.value.status == status
