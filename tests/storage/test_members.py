"""Members, settings and invites in the storage, on both drivers: who may call, and what comes back."""

from collections.abc import Callable
from typing import Any

import pytest

from chat.auth import Caller
from chat.errors import ChatError
from chat.storage import Storage
from tests.storage.test_storage import NOBODY, items, make_conversation, make_users

Act = Callable[[Storage, Caller, str], Any]

#: Every method that acts in a conversation, called for its owner.
IN_A_CONVERSATION: dict[str, Act] = {
    "get_conversation": lambda storage, actor, id: storage.get_conversation(actor, id),
    "update_conversation": lambda storage, actor, id: storage.update_conversation(actor, id, {"name": "x"}, True),
    "add_members": lambda storage, actor, id: storage.add_members(actor, id, {"participant_ids": []}, True),
    "join_conversation": lambda storage, actor, id: storage.join_conversation(actor, id, True),
    "list_members": lambda storage, actor, id: storage.list_members(actor, id, 10),
    "update_member": lambda storage, actor, id: storage.update_member(actor, id, actor.user_id, {"custom": {"x": 1}}),
    "update_member_settings": lambda storage, actor, id: storage.update_member_settings(actor, id, {"pinned": True}),
    "create_invite": lambda storage, actor, id: storage.create_invite(actor, id, "another", {}),
    "list_invites": lambda storage, actor, id: storage.list_invites(actor, id, 10),
    "remove_member": lambda storage, actor, id: storage.remove_member(actor, id, actor.user_id, True),
    "delete_conversation": lambda storage, actor, id: storage.delete_conversation(actor, id),
}
#: The others that act for a user.
ELSEWHERE: dict[str, Act] = {
    "list_public_conversations": lambda storage, actor, _: storage.list_public_conversations(actor, "x", 10),
    "get_invite": lambda storage, actor, _: storage.get_invite(actor, "code"),
    "accept_invite": lambda storage, actor, _: storage.accept_invite(actor, "code", True),
    "delete_invite": lambda storage, actor, _: storage.delete_invite(actor, "code"),
}


@pytest.fixture
def acting(storage: Storage) -> tuple[Storage, Caller, str]:
    """The storage, a user, and a conversation of hers with an invite."""
    ann, *_ = make_users(storage, "ann")
    id = make_conversation(storage, ann)
    storage.create_invite(ann, id, "code", {})
    return storage, ann, id


@pytest.mark.parametrize("method", [*IN_A_CONVERSATION, *ELSEWHERE])
def test_an_unknown_user_is_404_and_a_revoked_token_401(acting: tuple[Storage, Caller, str], method: str) -> None:
    storage, ann, id = acting
    act = (IN_A_CONVERSATION | ELSEWHERE)[method]
    revoked_at = storage.revoke_tokens(ann)["revoked_at"]
    for actor, status, code in (
        (Caller(NOBODY), 404, "user_not_found"),
        (ann._replace(issued_at=revoked_at - 1), 401, "token_invalid"),
    ):
        with pytest.raises(ChatError) as refused:
            act(storage, actor, id)
        assert (refused.value.status, refused.value.code) == (status, code)
    act(storage, ann, id)


@pytest.mark.parametrize("method", IN_A_CONVERSATION)
def test_a_stranger_cannot_tell_a_conversation_from_none(
    acting: tuple[Storage, Caller, str], method: str, sql: Callable[..., list[Any]]
) -> None:
    storage, _, id = acting
    (eve,) = make_users(storage, "eve")
    before = sql("select c, m from conversations as c join user_conversation as m on true")
    told = []
    for conversation_id in (id, NOBODY):
        with pytest.raises(ChatError) as refused:
            IN_A_CONVERSATION[method](storage, eve, conversation_id)
        told.append((refused.value.status, refused.value.code, refused.value.detail))
    assert told[0] == told[1] == (404, "conversation_not_found", "There is no such conversation.")
    assert sql("select c, m from conversations as c join user_conversation as m on true") == before


def test_a_custom_that_becomes_too_large_names_the_field(acting: tuple[Storage, Caller, str]) -> None:
    storage, ann, id = acting
    storage.update_conversation(ann, id, {"custom": {"a": "x" * 2100}}, True)
    for change in (
        lambda: storage.update_conversation(ann, id, {"custom": {"b": "x" * 2100}}, True),
        lambda: storage.update_conversation(ann, id, {"name": "new", "custom": {"b": "x" * 2100}}, True),
    ):
        with pytest.raises(ChatError) as refused:
            change()
        assert (refused.value.status, refused.value.code) == (422, "validation_failed")
        assert refused.value.errors == {"custom": ["Larger than 4 KiB as JSON."]}


def test_events_say_who_hears_them(storage: Storage) -> None:
    ann, bob, cid = make_users(storage, "ann", "bob", "cid")
    id = make_conversation(storage, ann, bob)
    added = storage.add_members(ann, id, {"participant_ids": [cid.user_id]}, True)
    assert added.announce
    assert [
        (each["event"], each.get("user_ids"), each.get("except_user_ids"), each.get("skips"))
        for each in added.events or []
    ] == [
        ("newConversation", [cid.user_id], None, None),
        ("conversationUpdated", None, [cid.user_id], None),
        ("message", None, None, "nobody"),
    ]
    removed = storage.remove_member(ann, id, bob.user_id, False)
    assert [(each["event"], each.get("user_ids")) for each in removed.events or []] == [
        ("removedFromConversation", [bob.user_id]),
        ("conversationUpdated", None),
    ]
    assert removed.audience_version == added.audience_version + 1


def test_a_members_count_of_before_is_counted_when_it_is_asked(storage: Storage, sql: Callable[..., list[Any]]) -> None:
    ann, bob, cid = make_users(storage, "ann", "bob", "cid")
    id = make_conversation(storage, ann, bob)
    sql("update conversations set member_count = null, visibility = 'public'")
    assert items(storage.list_conversations(ann, 1, 0))[0]["member_count"] == 2
    assert items(storage.list_public_conversations(cid, None, 1))[0]["member_count"] == 2
    assert storage.join_conversation(cid, id, True).result["member_count"] == 3
