"""The rows that messages of Rocket.Chat become: texts, system messages, tombstones, threads, reactions, edits."""

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

from .foreign import Row, kept_custom, strictly_after
from .rocketchat_documents import Json

NAMESPACE = UUID("9f6f0a54-2c0e-4b7f-8a55-3d2f6f1c7a90")
#: Types of messages that are told by ours; `msg` names the person, or is the new name.
SYSTEM = {
    "uj": "member_joined", "ujt": "member_joined", "ut": "member_joined", "ul": "member_left", "ult": "member_left",
    "au": "member_added", "added-user-to-team": "member_added", "ru": "member_removed",
    "removed-user-from-team": "member_removed", "r": "renamed",
}  # fmt: skip
#: The usual reactions; any other keeps its name, which is what the app's own have here.
EMOJI = {
    "+1": "👍", "thumbsup": "👍", "-1": "👎", "thumbsdown": "👎", "heart": "❤️", "joy": "😂", "smile": "😄",
    "grinning": "😀", "slight_smile": "🙂", "wink": "😉", "cry": "😢", "sob": "😭", "rage": "😡", "open_mouth": "😮",
    "thinking": "🤔", "tada": "🎉", "fire": "🔥", "eyes": "👀", "clap": "👏", "pray": "🙏", "ok_hand": "👌",
    "rocket": "🚀", "100": "💯", "white_check_mark": "✅", "x": "❌", "wave": "👋", "muscle": "💪",
    "heart_eyes": "😍", "sunglasses": "😎",
}  # fmt: skip
NAME = re.compile(":[a-z0-9_+-]{1,32}:")
#: How a quote begins: an empty link to the message.
QUOTE = re.compile(r"\[ ?\]\((\S*[?&]msg=([\w-]+)\S*)\)\s*")
#: What is kept of an attachment, which stays where it is stored.
ATTACHMENT = (
    "title", "title_link", "description", "type", "image_url", "image_type", "image_size", "audio_url", "audio_type",
    "video_url", "video_type", "author_name", "message_link", "text",
)  # fmt: skip


def make_id(kind: str, key: str) -> str:
    return str(uuid5(NAMESPACE, f"{kind} {key}"))


#: What only some messages have; the rows of a table have the same columns.
NOTHING = dict.fromkeys(
    ("deleted_at", "edited_at", "edited_version", "reply_to", "mentions", "reactions", "pinned_at", "custom")
)


def messages(stage: sqlite3.Connection) -> Iterator[Row]:
    """Yield the messages, in the order of their numbers; their times grow strictly, as the contract says."""
    previous, room_before = "", ""
    found = stage.execute(
        "select key, room, user, parent, message.at, is_system, seq, system_count, content, edits "
        "from message join total using (room) order by room, seq"
    )
    for key, room, user, parent, at, is_system, seq, system_count, content, edits in found:
        at = strictly_after(previous if room == room_before else "", at)
        previous, room_before = at, room
        row = {
            "id": make_id("message", key), "conversation_id": make_id("room", room), "user_id": make_id("user", user),
            "type": "text", "message": "", "created_at": at, "seq": seq, "version": seq + 1 + edits,
            "system_count": system_count, **NOTHING, **_thread(stage, key, room, parent),
        }  # fmt: skip
        yield "messages", row | _content(stage, room, row, json.loads(content), bool(is_system))


def _thread(stage: sqlite3.Connection, key: str, room: str, parent: str | None) -> Json:
    replies, last_at = stage.execute(
        "select count(*), max(at) from message where parent = ? and room = ?", [key, room]
    ).fetchone()
    return {"reply_count": replies, "last_reply_at": last_at, "thread_id": in_room(stage, parent, room)}


def _content(stage: sqlite3.Connection, room: str, row: Json, message: Json, is_system: bool) -> Json:
    if is_system:
        return {"type": "system", "custom": _system(stage, message)}
    if message.get("t") == "rm":
        return {"deleted_at": message.get("editedAt") or row["created_at"]}
    text = message.get("msg") or ""
    quote = QUOTE.match(text)
    reply_to = in_room(stage, quote[2], room) if quote else None
    if quote and reply_to:
        text = text[quote.end() :]
    edited_at = message.get("editedAt")
    custom = kept_custom(_own_fields(message, quote[1] if quote and reply_to else None))
    return {
        "message": text, "reply_to": reply_to, "edited_at": edited_at, "custom": custom or None,
        "edited_version": row["version"] if edited_at else None,
        "pinned_at": (message.get("pinnedAt") or row["created_at"]) if message.get("pinned") else None,
        "mentions": mentioned(stage, message) or None,
        "reactions": [
            {"emoji": emoji, "count": len(ids), "user_ids": ids[:20]} for emoji, ids in reacted(stage, message).items()
        ] or None,
    }  # fmt: skip


def _system(stage: sqlite3.Connection, message: Json) -> Json:
    event, text = SYSTEM[message["t"]], message.get("msg") or ""
    if event == "renamed":
        return {"event": event, "name": text[:255]}
    name = text.removeprefix("@") if event in ("member_added", "member_removed") else message["u"].get("username")
    return {"event": event, "user_ids": _named(stage, [name]), "count": 1}


def _named(stage: sqlite3.Connection, usernames: list[Any]) -> list[str]:
    found = (stage.execute("select key from user where username = ?", [each]).fetchone() for each in usernames)
    return [make_id("user", row[0]) for row in found if row]


def in_room(stage: sqlite3.Connection, key: str | None, room: str) -> str | None:
    """Return the id of a message that is one of the room."""
    found = key and stage.execute("select 1 from message where key = ? and room = ?", [key, room]).fetchone()
    return make_id("message", str(key)) if found else None


def _own_fields(message: Json, quoted: str | None) -> Json:
    attachments = [
        {name: each[name] for name in ATTACHMENT if each.get(name)}
        for each in message.get("attachments") or ()
        if each and not (quoted and each.get("message_link") == quoted)
    ]
    own = {"attachments": attachments, "alias": message.get("alias"), "fields": message.get("customFields")}
    return {name: value for name, value in own.items() if value}


def mentioned(stage: sqlite3.Connection, message: Json) -> list[str]:
    """Return whom a message mentions; `all` and `here` are nobody."""
    keys = dict.fromkeys(each.get("_id") for each in message.get("mentions") or ())
    known = "select 1 from user where key = ?"
    return [make_id("user", key) for key in keys if stage.execute(known, [key]).fetchone()]


def reacted(stage: sqlite3.Connection, message: Json) -> dict[str, list[str]]:
    """Return who gave which emoji."""
    users: dict[str, dict[str, None]] = {}
    for name, given in (message.get("reactions") or {}).items():
        emoji = EMOJI.get(name.strip(":"), name)
        if emoji != name or NAME.fullmatch(name):
            users.setdefault(emoji, {}).update(dict.fromkeys(_named(stage, given.get("usernames") or [])))
    return {emoji: list(ids) for emoji, ids in users.items() if ids}


def count_reactions(stage: sqlite3.Connection) -> Counter[str]:
    """Return how many reactions and attachments cannot be taken over, by what to say of them."""
    lost: Counter[str] = Counter()
    for (content,) in stage.execute("select content from message where not is_system"):
        message = json.loads(content)
        given = sum(len(each.get("usernames") or ()) for each in (message.get("reactions") or {}).values())
        lost["reactions of people who are not in users, or of an odd name, or twice"] += given - sum(
            map(len, reacted(stage, message).values())
        )
        own = _own_fields(message, None)
        lost["messages' fields that are too long"] += bool(own) and not kept_custom(own)
    return lost


#: What hangs on messages, and which messages may have some.
BELONGINGS = {
    "chat_reactions": "content like '%\"reactions\"%'",
    "chat_mentions": "content like '%\"mentions\"%'",
    "chat_message_edits": "key in (select message from history)",
    "chat_thread_members": "content like '%\"replies\"%'",
}


def belongings(stage: sqlite3.Connection) -> Iterator[Row]:
    """Yield what hangs on messages: reactions, then mentions, then earlier texts, then who follows threads."""
    found = "select key, room, user, at, seq, content from message where not is_system and {} order by room, seq"
    for table, condition in BELONGINGS.items():
        for key, room, user, at, seq, content in stage.execute(found.format(condition)):
            message = json.loads(content)
            if message.get("t") == "rm" and table != "chat_thread_members":
                continue
            ids = {"message_id": make_id("message", key)}
            if table == "chat_reactions":
                for emoji, users in reacted(stage, message).items():
                    yield from ((table, {**ids, "emoji": emoji, "user_id": each, "created_at": at}) for each in users)
            elif table == "chat_mentions":
                place = {"conversation_id": make_id("room", room), "seq": seq, "created_at": at}
                yield from ((table, {**ids, "user_id": each, **place}) for each in mentioned(stage, message))
            elif table == "chat_message_edits":
                yield from ((table, {**ids, **each}) for each in _edits(stage, key, room, user, at, seq))
            else:
                yield from ((table, each) for each in _followers(stage, key, room, message))


def _edits(stage: sqlite3.Connection, key: str, room: str, user: str, at: str, seq: int) -> Iterator[Json]:
    """Yield the earlier texts. Rocket.Chat notes of each when the next one took its place."""
    texts = stage.execute("select at, text from history where message = ? order by at, rowid", [key]).fetchall()
    most = stage.execute("select edits from total where room = ?", [room]).fetchone()[0]
    written_at = at
    for number, (replaced_at, text) in enumerate(texts):
        yield {"version": seq + 1 + most - len(texts) + number, "user_id": make_id("user", user), "message": text,
               "edited_at": written_at}  # fmt: skip
        written_at = replaced_at


def _followers(stage: sqlite3.Connection, key: str, room: str, message: Json) -> Iterator[Json]:
    is_member = "select messages from member join total using (room) where room = ? and user = ?"
    for user in dict.fromkeys(message.get("replies") or ()):
        if found := stage.execute(is_member, [room, user]).fetchone():
            yield {"thread_id": make_id("message", key), "user_id": make_id("user", user), "following": True,
                   "conversation_id": make_id("room", room), "last_read_seq": found[0]}  # fmt: skip
