"""How each route is called so that it is served. A new route needs a row here."""

from collections.abc import Callable
from io import BytesIO
from typing import NamedTuple

from tests.support.world import FILE, IN_A_MONTH, MESSAGE, Content, World


class Call(NamedTuple):
    """A call that is served: what is sent besides who calls, the field that names the caller, who may call.

    `role`: what a member must be at least; `sole`: for everybody else it does not exist. `spoils`: what the others
    speak of is gone after it. `is_public` is what the tests expect, whatever the policy of the route says. `user` is
    whom the path names, and `is_own` that nobody else may call. `caller` is who calls in open mode.
    """

    content: Callable[[World], Content] = lambda world: {}
    names: str | None = None
    is_public: bool = False
    role: str = "member"
    spoils: bool = False
    user: Callable[[World], str] = lambda world: world.ann
    is_own: bool = False
    caller: Callable[[World], str] = lambda world: world.ann


CALLS: dict[str, Call] = {
    "static": Call(is_public=True),
    "pages.home": Call(is_public=True),
    "pages.docs": Call(is_public=True),
    "pages.events": Call(is_public=True),
    "pages.document": Call(is_public=True),
    "pages.llms": Call(is_public=True),
    "documents.openapi": Call(is_public=True),
    "documents.asyncapi": Call(is_public=True),
    "health.alive": Call(is_public=True),
    "health.ready": Call(is_public=True),
    "users.create_user": Call(lambda world: {"username": "cid"}),
    "users.search_users": Call(lambda world: {"q": "b"}, "user_id"),
    "users.get_user": Call(names="user_id", user=lambda world: world.bob),
    "users.update_user": Call(
        lambda world: {"username": "ann", "about": "tea", "custom": {"a": 1}}, "user_id", is_own=True
    ),
    "users.erase_user": Call(
        lambda world: {"messages": "delete"},
        "user_id",
        user=lambda world: world.leaver,
        is_own=True,
        caller=lambda world: world.next_leaver(),
    ),
    "users.export_user": Call(names="user_id", is_own=True),
    "devices.put_device": Call(lambda world: {"service": "expo"}, "user_id", is_own=True),
    "devices.delete_device": Call(names="user_id", is_own=True),
    "devices.list_devices": Call(names="user_id", is_own=True),
    "devices.get_vapid_key": Call(is_public=True),
    "blocks.block_user": Call(names="user_id", user=lambda world: world.fay),
    "blocks.unblock_user": Call(names="user_id", user=lambda world: world.fay),
    "blocks.list_blocks": Call(lambda world: {"limit": 10}, "user_id"),
    "tokens.refresh_token": Call(),
    "tokens.revoke_tokens": Call(),
    "conversations.create_conversation": Call(
        lambda world: {"participant_ids": [world.bob], "group_name": "g"}, "owner_id"
    ),
    "conversations.list_conversations": Call(lambda world: {"limit": 10, "message_limit": 10}, "user_id"),
    "conversations.open_direct_conversation": Call(lambda world: {"other_user_id": world.gus}, "user_id"),
    "conversations.list_public_conversations": Call(lambda world: {"q": "tea", "limit": 10}, "user_id"),
    "conversations.get_conversation": Call(names="user_id"),
    "conversations.update_conversation": Call(
        lambda world: {
            "description": "d",
            "avatar_url": "https://example.com/a.png",
            "frozen": False,
            "history": "all",
        },
        "user_id",
        role="admin",
    ),
    "conversations.delete_conversation": Call(names="user_id", role="owner", spoils=True),
    "members.list_members": Call(lambda world: {"limit": 10}, "user_id"),
    "members.add_members": Call(
        lambda world: {"participant_ids": [world.bob], "role": "admin", "history_from": 1}, "user_id", role="admin"
    ),
    # Of ann: what she changes or leaves, bob may not.
    "members.update_member": Call(lambda world: {"custom": {"x": 1}}, "user_id", role="admin"),
    "members.remove_member": Call(names="user_id", role="admin", spoils=True),
    "members.join_conversation": Call(names="user_id"),
    "members.update_settings": Call(lambda world: {"pinned": True, "archived": False}, "user_id"),
    "invites.create_invite": Call(lambda world: {"expires_in": 60, "uses": 1}, "user_id", role="admin"),
    "invites.list_invites": Call(lambda world: {"limit": 10}, "user_id", role="admin"),
    "invites.get_invite": Call(names="user_id"),
    "invites.accept_invite": Call(names="user_id"),
    "invites.delete_invite": Call(names="user_id", role="admin", spoils=True),
    "messages.list_messages": Call(lambda world: {"limit": 10}, "user_id"),
    "messages.send_message": Call(lambda world: {"message": "hello", "client_id": None}, "user_id"),
    "edits.get_message": Call(names="user_id"),
    "edits.edit_message": Call(
        lambda world: {"message": MESSAGE, "mentions": [], "attachments": [], "custom": {}}, "user_id", role="author"
    ),
    "edits.delete_message": Call(names="user_id", role="author", spoils=True),
    "edits.list_message_edits": Call(lambda world: {"limit": 10}, "user_id"),
    "reactions.add_reaction": Call(names="user_id"),
    "reactions.remove_reaction": Call(names="user_id"),
    "reactions.list_reactions": Call(lambda world: {"emoji": "👍", "limit": 10}, "user_id"),
    "pins.pin_message": Call(names="user_id", role="admin"),
    "pins.unpin_message": Call(names="user_id", role="admin"),
    "pins.list_pins": Call(lambda world: {"limit": 10}, "user_id"),
    "threads.list_replies": Call(lambda world: {"limit": 10}, "user_id"),
    "threads.list_threads": Call(lambda world: {"limit": 10}, "user_id"),
    "threads.read_thread": Call(lambda world: {"read_seq": 1}, "user_id"),
    "threads.follow_thread": Call(names="user_id"),
    "threads.unfollow_thread": Call(names="user_id"),
    "threads.list_mentions": Call(lambda world: {"limit": 10}, "user_id"),
    "search.search_messages": Call(lambda world: {"q": "sent", "limit": 10}, "user_id"),
    "scheduled.list_scheduled": Call(lambda world: {"limit": 10}, "user_id"),
    "scheduled.update_scheduled": Call(
        lambda world: {"message": MESSAGE, "send_at": IN_A_MONTH, "mentions": [], "attachments": [], "custom": {}},
        "user_id",
        role="sole",
    ),
    "scheduled.delete_scheduled": Call(names="user_id", role="sole", spoils=True),
    "attachments.upload_attachment": Call(lambda world: {"file": (BytesIO(FILE), "a.txt")}, "user_id"),
    "attachments.get_attachment": Call(names="user_id"),
    "attachments.get_thumbnail": Call(names="user_id"),
    "receipts.update_receipt": Call(lambda world: {"read_seq": 1, "delivered_seq": 1}, "user_id"),
    "receipts.list_receipts": Call(lambda world: {"limit": 10}, "user_id"),
    "receipts.list_unread": Call(names="user_id"),
    "sync.sync": Call(lambda world: {"since": {world.conversation: 1}, "limit": 10}, "user_id"),
}
