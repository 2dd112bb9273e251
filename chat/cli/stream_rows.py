"""The rows that items of Stream Chat become. Ids follow from Stream's, so that the same file makes the same rows."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

from .foreign import Row, kept_custom, strictly_after

NAMESPACE = UUID("0f6a6c1e-0b36-4d0b-8d52-0c0b6a6f8e11")
#: Stream's usual reactions; any other keeps its name.
EMOJI = {"like": "👍", "love": "❤️", "haha": "😂", "wow": "😮", "sad": "😢", "angry": "😠"}

#: Fields that become columns, or that only Stream has a use for; every other field is the app's own: `custom`.
KNOWN = {
    "user": "id name image created_at updated_at deleted_at role teams invisible language push_notifications "
    "channel_mutes user_mutes user_blocks deactivated_at",
    "channel": "id type name image created_by created_by_id created_at updated_at deleted_at member_ids members team "
    "frozen disabled truncated_at",
    "message": "id channel_id channel_type channel_member_ids user user_id text html type created_at updated_at "
    "deleted_at parent_id show_in_channel mentioned_users_ids quoted_message_id pinned_at pin_expires pinned_by_id "
    "message_text_updated_at silent",
}


def rows(stage: sqlite3.Connection) -> Iterator[Row]:
    """Yield the rows, parents before children."""
    for key, at, content in stage.execute("select key, at, content from item where kind = 'user' order by key"):
        yield "users", _user(key, at, json.loads(content))
    channels = "select key, user, at, content from item where kind = 'channel' order by key"
    for key, owner, at, content in stage.execute(channels):
        yield "conversations", _conversation(stage, key, owner, at, json.loads(content))
    members = (
        "select key, channel, user, at, content, (select count(*) from message where message.channel = item.channel) "
        "from item where kind = 'member' order by channel, key"
    )
    for key, channel, user, at, content, count in stage.execute(members):
        yield "user_conversation", _member(key, channel, user, at, json.loads(content), count)
    messages = "select key, channel, user, parent, at, content, seq from message order by channel, seq"
    previous, channel_before = "", ""
    for key, channel, user, parent, at, content, seq in stage.execute(messages):
        at = strictly_after(previous if channel == channel_before else "", at)
        previous, channel_before = at, channel
        yield "messages", _message(stage, key, channel, user, parent, at, content, seq)
    yield from _reactions(stage)
    yield from _mentions(stage)


def count_rows(stage: sqlite3.Connection) -> int:
    """Return how many rows there are."""
    return sum(1 for _ in rows(stage))


def make_id(kind: str, key: str) -> str:
    return str(uuid5(NAMESPACE, f"{kind} {key}"))


def _user(key: str, at: str, item: dict[str, Any]) -> dict[str, Any]:
    name = str(item.get("name") or key).strip()[:255] or key[:255]
    custom = _custom("user", item)
    return {"id": make_id("user", key), "username": name, "created_at": at, "avatar_url": item.get("image") or None,
            "custom": custom, "erased_at": item.get("deleted_at")}  # fmt: skip


def _conversation(stage: sqlite3.Connection, key: str, owner: str, at: str, item: dict[str, Any]) -> dict[str, Any]:
    count, last_at = stage.execute("select count(*), max(at) from message where channel = ?", [key]).fetchone()
    name = str(item.get("name") or item.get("id") or "").strip()[:255] or "Conversation"
    return {
        "id": make_id("channel", key), "name": name, "owner_user_id": make_id("user", owner), "created_at": at,
        "avatar_url": item.get("image") or None, "frozen": bool(item.get("frozen")), "custom": _custom("channel", item),
        "last_seq": count, "version": count + 1, "last_activity_at": last_at or at,
    }  # fmt: skip


def _member(key: str, channel: str, user: str, at: str, item: dict[str, Any], count: int) -> dict[str, Any]:
    is_admin = item.get("is_moderator") or str(item.get("channel_role", "")).endswith(("moderator", "admin", "owner"))
    return {
        "id": make_id("member", key), "user_id": make_id("user", user), "conversation_id": make_id("channel", channel),
        "role": "admin" if is_admin else "member", "joined_at": at, "last_read_seq": count, "last_delivered_seq": count,
    }  # fmt: skip


def _message(
    stage: sqlite3.Connection, key: str, channel: str, user: str, parent: str | None, at: str, content: str, seq: int
) -> dict[str, Any]:
    item = json.loads(content)
    gone = item.get("deleted_at")
    replies, last_reply_at = stage.execute(
        "select count(*), max(at) from message where parent = ? and channel = ?", [key, channel]
    ).fetchone()
    quoted, root = (_in_channel(stage, each, channel) for each in (item.get("quoted_message_id"), parent))
    mentions = [] if gone else _mentioned(stage, item)
    return {
        "id": make_id("message", key), "conversation_id": make_id("channel", channel), "user_id": make_id("user", user),
        "message": "" if gone else item.get("text") or "", "created_at": at, "seq": seq, "version": seq + 1,
        "deleted_at": gone, "edited_at": None if gone else item.get("message_text_updated_at"),
        "reply_to": quoted, "thread_id": root, "reply_count": replies, "last_reply_at": last_reply_at,
        "mentions": mentions or None, "reactions": None if gone else _sum_of_reactions(stage, key),
        "pinned_at": None if gone else item.get("pinned_at"),
        "custom": None if gone else _custom("message", item) or None,
    }  # fmt: skip


def _in_channel(stage: sqlite3.Connection, key: str | None, channel: str) -> str | None:
    found = key and stage.execute("select 1 from message where key = ? and channel = ?", [key, channel]).fetchone()
    return make_id("message", str(key)) if found else None


def _sum_of_reactions(stage: sqlite3.Connection, key: str) -> list[dict[str, Any]] | None:
    users: dict[str, list[str]] = {}
    found = "select content, user from item where kind = 'reaction' and parent = ? order by at, key"
    for content, user in stage.execute(found, [key]):
        users.setdefault(_emoji(content), []).append(make_id("user", user))
    return [{"emoji": each, "count": len(ids), "user_ids": ids[:20]} for each, ids in users.items()] or None


def _emoji(content: str) -> str:
    name = json.loads(content)["type"]
    return EMOJI.get(name, str(name)[:64])


def _reactions(stage: sqlite3.Connection) -> Iterator[Row]:
    found = "select parent, content, user, at from item where kind = 'reaction' order by parent, at, key"
    for parent, content, user, at in stage.execute(found):
        row = {"message_id": make_id("message", parent), "emoji": _emoji(content), "user_id": make_id("user", user)}
        yield "chat_reactions", {**row, "created_at": at}


def _mentions(stage: sqlite3.Connection) -> Iterator[Row]:
    found = "select key, channel, at, content, seq from message where content like '%mentioned_users_ids%' order by key"
    for key, channel, at, content, seq in stage.execute(found):
        for user in [] if (item := json.loads(content)).get("deleted_at") else _mentioned(stage, item):
            row = {"message_id": make_id("message", key), "user_id": user, "created_at": at}
            yield "chat_mentions", {**row, "conversation_id": make_id("channel", channel), "seq": seq}


def _mentioned(stage: sqlite3.Connection, item: dict[str, Any]) -> list[str]:
    named = dict.fromkeys(map(str, item.get("mentioned_users_ids") or ()))
    known = "select 1 from item where kind = 'user' and key = ?"
    return [make_id("user", each) for each in named if stage.execute(known, [each]).fetchone()]


def _custom(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    """Return the app's own fields, and the attachments of a message, which stay where they are stored."""
    own = {name: value for name, value in item.items() if name not in KNOWN[kind].split()}
    return kept_custom(own)
