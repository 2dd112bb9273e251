"""The requests of the collection, in the order in which they run: folders, and in them operations with what is special.

`by`: who acts, ann by default. `path`, `query`, `body`: instead of the document's examples; None leaves a field out.
`saves`: variables, by the place in the answer from which they come. An operation may stand more than once.
"""

from typing import Any, NamedTuple


class Step(NamedTuple):
    """One request."""

    operation: str
    title: str = ""
    by: str = "ann"
    path: dict[str, Any] = {}
    query: dict[str, Any] = {}
    body: dict[str, Any] = {}
    saves: dict[str, str] = {}


def person(name: str) -> Step:
    return Step("create_user", f"Sign up: {name}", by="", body={"username": name},
                saves={f"{name}_id": "id", f"{name}_token": "access_token"})  # fmt: skip


FOLDERS: dict[str, list[Step]] = {
    "People": [
        person("ann"), person("bob"), person("cleo"),
        Step("search_users"),
        Step("get_user", path={"user_id": "{{bob_id}}"}),
        Step("update_user", path={"user_id": "{{ann_id}}"}),
        Step("block_user", path={"user_id": "{{cleo_id}}"}),
        Step("list_blocks"),
        Step("unblock_user", path={"user_id": "{{cleo_id}}"}),
    ],
    "Devices": [
        Step("put_device", path={"user_id": "{{ann_id}}"}, body={"service": "expo", "endpoint": None, "keys": None}),
        Step("list_devices", path={"user_id": "{{ann_id}}"}),
        Step("delete_device", path={"user_id": "{{ann_id}}"}),
        Step("get_vapid_key"),
    ],
    "Conversations": [
        Step("create_conversation", saves={"conversation_id": "id"}),
        Step("get_conversation"),
        Step("update_conversation", body={"slow_mode_seconds": None, "visibility": "public"}),
        Step("list_conversations"),
        Step("list_public_conversations"),
        Step("open_direct_conversation"),
        Step("update_settings", body={"muted_until": "{{tomorrow}}"}),
    ],
    "Members": [
        Step("add_members", body={"participant_ids": ["{{cleo_id}}"]}),
        Step("list_members"),
        Step("update_member", path={"user_id": "{{bob_id}}"}),
        Step("remove_member", path={"user_id": "{{cleo_id}}"}),
        Step("create_invite", saves={"code": "code"}),
        Step("list_invites"),
        Step("get_invite"),
        Step("accept_invite", by="cleo"),
        Step("delete_invite"),
        Step("remove_member", "Leave a conversation", by="cleo", path={"user_id": "{{cleo_id}}"}),
        Step("join_conversation", by="cleo"),
    ],
    "Messages": [
        Step("send_message", saves={"message_id": "id", "message_version": "version"}),
        Step("list_messages"),
        Step("get_message"),
        Step("edit_message", body={"version": "{{message_version}}"}),
        Step("list_message_edits"),
        Step("search_messages", query={"conversation_id": "{{conversation_id}}"}),
        Step("add_reaction"),
        Step("list_reactions"),
        Step("remove_reaction"),
        Step("pin_message"),
        Step("list_pins"),
        Step("unpin_message"),
    ],
    "Threads": [
        Step("send_message", "Reply in a thread, and mention someone", by="bob",
             body={"message": "It is, @ann.", "thread_id": "{{message_id}}", "mentions": ["{{ann_id}}"]},
             saves={"reply_id": "id", "reply_seq": "seq"}),
        Step("list_replies"),
        Step("follow_thread"),
        Step("list_threads"),
        Step("read_thread", body={"read_seq": "{{reply_seq}}"}),
        Step("unfollow_thread"),
        Step("list_mentions"),
    ],
    "Files": [
        Step("upload_attachment", body={"name": "kettle.png"}, saves={"attachment_id": "id"}),
        Step("send_message", "Send a file", body={"message": None, "attachments": ["{{attachment_id}}"]}),
        Step("get_attachment", by="bob"),
        Step("get_thumbnail", by="bob"),
    ],
    "Scheduled messages": [
        Step("send_message", "Send a message tomorrow", body={"send_at": "{{tomorrow}}", "client_id": None},
             saves={"scheduled_id": "scheduled.id"}),
        Step("list_scheduled"),
        Step("update_scheduled", body={"send_at": "{{tomorrow}}"}),
        Step("delete_scheduled"),
    ],
    "Reading and catching up": [
        Step("update_receipt", by="bob"),
        Step("list_receipts"),
        Step("list_unread", by="bob"),
        Step("sync", body={"since": {}}, saves={"cursor": "cursor"}),
        Step("sync", "Catch up by a cursor", body={"since": None, "cursor": "{{cursor}}"}),
    ],
    "Tokens": [
        Step("refresh_token", saves={"ann_token": "access_token"}),
        Step("revoke_tokens", saves={"ann_token": "access_token"}),
    ],
    "About the server": [
        *map(Step, ("alive", "ready", "openapi", "asyncapi", "home", "docs", "events", "document", "llms")),
    ],
    "The end": [
        Step("export_user", path={"user_id": "{{ann_id}}"}),
        Step("delete_message"),
        Step("delete_conversation"),
        Step("erase_user", by="cleo", path={"user_id": "{{cleo_id}}"}),
    ],
}  # fmt: skip

#: What stands in paths, unless a step says something else.
PATH = {
    "token": "ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]",
    "conversation_id": "{{conversation_id}}",
    "message_id": "{{message_id}}",
    "scheduled_id": "{{scheduled_id}}",
    "attachment_id": "{{attachment_id}}",
    "user_id": "{{bob_id}}",
    "code": "{{code}}",
    "emoji": "👍",
    "name": "clients",
}
#: What stands in fields of bodies and queries, unless a step says something else.
FIELDS: dict[str, Any] = {
    "participant_ids": ["{{bob_id}}"],
    "other_user_id": "{{bob_id}}",
    "client_id": "{{$guid}}",
}
