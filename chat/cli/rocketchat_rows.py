"""The rows that people, rooms and subscriptions of Rocket.Chat become. Ids follow from Rocket.Chat's."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from .foreign import Row, kept_custom
from .rocketchat_documents import Json
from .rocketchat_messages import belongings, make_id, messages

#: Rocket.Chat's words for when a phone rings, and ours.
NOTIFICATIONS = {"all": "all", "mentions": "mentions", "nothing": "none"}


def rows(stage: sqlite3.Connection) -> Iterator[Row]:
    """Yield the rows, parents before children."""
    for found in stage.execute("select key, username, at, erased_at, content from user order by key"):
        yield "users", _user(*found)
    for found in stage.execute("select key, kind, owner, at, content from room order by key"):
        yield "conversations", _conversation(stage, *found)
    for key, kind in stage.execute("select key, kind from room where kind = 'd' order by key"):
        if pair := _pair(stage, key, kind):
            first, second = sorted(make_id("user", each) for each in pair)
            yield (
                "chat_direct_conversations",
                {"first_user_id": first, "second_user_id": second, "conversation_id": make_id("room", key)},
            )
    for found in stage.execute("select room, user, at, content from member order by room, user"):
        yield "user_conversation", _member(stage, *found)
    yield from messages(stage)
    yield from belongings(stage)


def _user(key: str, username: str | None, at: str, erased_at: str | None, content: str) -> Json:
    user = json.loads(content)
    name = (user.get("name") or username or "").strip()[:255]
    custom = kept_custom({"username": username, **(user.get("customFields") or {})}) if username else {}
    return {
        "id": make_id("user", key), "username": "Deleted user" if erased_at else name or key[:255], "created_at": at,
        "about": (user.get("bio") or "")[:1000] or None, "avatar_url": user.get("avatarUrl"), "custom": custom,
        "erased_at": erased_at,
    }  # fmt: skip


def _pair(stage: sqlite3.Connection, key: str, kind: str) -> list[str] | None:
    """Return the two of a direct conversation; with more or fewer it is a group."""
    users = [row[0] for row in stage.execute("select user from member where room = ? order by user", [key])]
    return users if kind == "d" and len(users) == 2 else None


def _conversation(stage: sqlite3.Connection, key: str, kind: str, owner: str, at: str, content: str) -> Json:
    room = json.loads(content)
    total = "select messages, system, at, edits from total where room = ?"
    count, system, last_at, edits = stage.execute(total, [key]).fetchone() or (0, 0, at, 0)
    is_direct = _pair(stage, key, kind) is not None
    members = stage.execute("select count(*) from member where room = ?", [key]).fetchone()[0]
    own = {
        "topic": room.get("topic") if room.get("description") else None, "announcement": room.get("announcement"),
        "parent_id": make_id("room", room["prid"]) if room.get("prid") else None, **(room.get("customFields") or {}),
    }  # fmt: skip
    return {
        "id": make_id("room", key), "type": "direct" if is_direct else "group", "created_at": at,
        "name": "" if is_direct else _name(stage, key, room), "owner_user_id": make_id("user", owner),
        "visibility": "public" if kind == "c" else "private",
        "description": (room.get("description") or room.get("topic") or None) if kind != "d" else None,
        "frozen": bool(room.get("ro") or room.get("archived")),
        "custom": kept_custom({name: value for name, value in own.items() if value}),
        "last_seq": count, "version": count + 1 + edits, "system_count": system,
        "last_activity_at": last_at, "member_count": members,
    }  # fmt: skip


def _name(stage: sqlite3.Connection, key: str, room: Json) -> str:
    if name := (room.get("fname") or room.get("name") or "").strip()[:255]:
        return name
    people = stage.execute(
        "select user.content, username from member join user on user.key = member.user "
        "where room = ? order by user limit 20",
        [key],
    )
    names = (json.loads(content).get("name") or username for content, username in people)
    return ", ".join(filter(None, names))[:255] or "Conversation"


def _member(stage: sqlite3.Connection, room: str, user: str, at: str, content: str) -> Json:
    subscription: dict[str, Any] = json.loads(content)
    read, system = _read(stage, room, user, subscription)
    total = "select messages - system from total where room = ?"
    texts = (stage.execute(total, [room]).fetchone() or (0,))[0]
    rings = "nothing" if subscription.get("disableNotifications") else subscription.get("mobilePushNotifications")
    is_admin = {"owner", "moderator", "leader"} & set(subscription.get("roles") or ())
    return {
        "id": make_id("member", f"{room} {user}"), "user_id": make_id("user", user),
        "conversation_id": make_id("room", room), "role": "admin" if is_admin else "member", "joined_at": at,
        "last_read_seq": read, "last_delivered_seq": read, "read_system_count": system,
        "pinned": bool(subscription.get("f")), "notifications": NOTIFICATIONS.get(str(rings)),
        "archived_at_count": texts if subscription.get("open") is False else None,
    }  # fmt: skip


def _read(stage: sqlite3.Connection, room: str, user: str, subscription: Json) -> tuple[int, int]:
    """Return how far a member has read, by when the room was last seen and by what the member wrote, and the system
    messages up to there. Without a time everything is read, unless Rocket.Chat says otherwise."""
    seen_at = subscription.get("ls") or ("" if subscription.get("alert") else "9999")
    seen = "select seq, system_count from message where room = ? and at <= ? order by at desc, seq desc limit 1"
    written = (
        "select seq, system_count from message where room = ? and user = ? and not is_system order by seq desc limit 1"
    )
    found = stage.execute(seen, [room, seen_at]).fetchone(), stage.execute(written, [room, user]).fetchone()
    return max(each or (0, 0) for each in found)
