"""A client whose messages change, and what a fresh one shows; see `equivalence` for the rest.

More rules:

- Events that hold a whole message can be applied whenever they come: of two states the higher version wins.
- Those that hold a part of it (`reaction`, `messageDeleted`, the `thread` of a reply) can be applied by who knows
  everything before them; who does not asks for a sync.
- `from_version`: the event stands for the changes from this version to its own.
- Quotes have no version: they are drawn anew when their original changes, also one that the device does not keep.
- `me` of a reaction is not in events: it is whether the user is among `user_ids`.
"""

from typing import Any

from tests.support.client import Api
from tests.support.equivalence import ABOUT, MESSAGE, Conversation, Json, Phone

#: Events that change messages.
CHANGES = ("message", "messageUpdated", "messageDeleted", "reaction")
#: What a message loses when it is deleted.
GONE: Json = {
    "message": "",
    "edited_at": None,
    "quote": None,
    "last_reply_at": None,
    "reactions": [],
    "mentions": [],
    "attachments": [],
    "pinned_at": None,
    "custom": {},
}


class Room(Conversation):
    """What a device knows of one conversation."""

    def __init__(self, about: Json) -> None:
        super().__init__(about)
        self.misses_something = False
        self._seen: dict[str, Json] = {}  # what quotes show of the messages that have come, kept or not

    def apply(self, synced: Json) -> None:
        self.misses_something = False
        super().apply(synced)

    def hear(self, event: str, data: Json) -> None:
        """Apply an event that changes messages."""
        first = data.get("from_version", data["version"])
        if event in ("reaction", "messageDeleted") and first > self.version + 1:
            self.misses_something = True
            return
        if event in ("message", "messageUpdated"):
            self.put(data)
            self.put_reply(data.get("thread"), data["version"])
        elif event == "reaction":
            self.react(data)
        else:
            self.delete(data)
        for version in range(first, data["version"] + 1):
            self.saw(version)

    def shown(self, user_id: str) -> list[Json]:
        """Return the messages in their order, as this user sees them."""
        shown = sorted(self.messages.values(), key=lambda message: int(message["seq"]))
        return [
            message | {"reactions": [each | {"me": user_id in each["user_ids"]} for each in message["reactions"]]}
            for message in shown
        ]

    def put(self, message: Json) -> None:
        known = self.messages.get(message["id"])
        self._draw_quotes(message)
        if message["seq"] >= self.first_seq and (known is None or known["version"] <= message["version"]):
            kept = {name: message[name] for name in MESSAGE}
            kept["reactions"] = [
                {name: each[name] for name in ("emoji", "count", "user_ids")} for each in message["reactions"]
            ]
            original = self._seen.get(message["reply_to"] or "")
            if kept["quote"] and original and original["version"] > message["version"]:
                kept["quote"] = kept["quote"] | original["quote"]
            self.messages[message["id"]] = kept
        if known is None:
            self.move(message["user_id"], message["seq"], message["seq"])  # sending reads

    def put_reply(self, thread: Json | None, version: int) -> None:
        """Update the root of a reply that was sent or deleted at this version."""
        root = self.messages.get(thread["id"]) if thread else None
        if thread and root and root["version"] < version:
            root |= {name: thread[name] for name in ("reply_count", "last_reply_at")} | {"version": version}

    def react(self, reaction: Json) -> None:
        """Update a message after somebody has reacted to it, or taken that back."""
        message = self.messages.get(reaction["message_id"])
        if message is None or message["version"] >= reaction["version"]:
            return
        message["version"] = reaction["version"]
        emoji, user_id = reaction["emoji"], reaction["user_id"]
        kinds = {each["emoji"]: each for each in message["reactions"]}
        kind = kinds.setdefault(emoji, {"emoji": emoji, "count": 0, "user_ids": []})
        others = [id for id in kind["user_ids"] if id != user_id]
        kinds[emoji] = kind | {
            "count": reaction["count"],
            "user_ids": [*others, user_id] if reaction["added"] else others,
        }
        message["reactions"] = [each for each in kinds.values() if each["count"]]

    def delete(self, deleted: Json) -> None:
        """Empty a message that was deleted."""
        changed = {name: deleted[name] for name in ("id", "version", "deleted_at")}
        self._draw_quotes(changed | {"message": ""})
        message = self.messages.get(deleted["id"])
        if message and message["version"] < deleted["version"]:
            message |= GONE | changed
        self.put_reply(deleted["thread"], deleted["version"])

    def _draw_quotes(self, original: Json) -> None:
        """Draw the quotes of a message anew, unless a newer state of it has been seen."""
        seen = self._seen.get(original["id"])
        if seen and seen["version"] > original["version"]:
            return
        quote = {"message": original["message"][:200], "deleted_at": original["deleted_at"]}
        self._seen[original["id"]] = {"version": original["version"], "quote": quote}
        for message in self.messages.values():
            if message["quote"] and message["quote"]["id"] == original["id"]:
                message["quote"] = message["quote"] | quote


class MessagePhone(Phone):
    """One device of a user who edits, deletes, reacts, pins and answers."""

    conversations: dict[str, Room]  # type: ignore[assignment]
    room = Room

    def hear(self, event: str, data: Json) -> None:
        known = self.conversations.get(data.get("conversation_id", data.get("id")))
        if event not in CHANGES or known is None:
            super().hear(event, data)
        else:
            known.hear(event, data)

    def look_for_gaps(self) -> None:
        if any(each.misses_something for each in self.conversations.values()):
            self.sync()
        super().look_for_gaps()

    def change(self, event: str, method: str, path: str, door: str, **body: Any) -> None:
        """Change a message; the answer counts like this event."""
        headers = {"X_Socket_ID": self.socket.sid} if self.socket and door != "unnamed" else {}
        query = f"?user_id={self.me}" if method == "DELETE" else ""
        answer = self.api.request(method, f"/messages/{path}{query}", {"user_id": self.me, **body}, **headers)
        self.catch_up()  # what was announced before the answer
        self.hear(event, answer)
        self.look_for_gaps()

    def shown_messages(self) -> list[Json]:
        return [
            shown | {"messages": self.conversations[shown["id"]].shown(self.me)} for shown in super().shown_messages()
        ]


def fresh_messages(api: Api, user_id: str, first_seqs: dict[str, int]) -> list[Json]:
    """Return the conversations, each with its messages from the given number on, as this user sees them."""
    listed = api.conversations({"id": user_id}, "limit=100&message_limit=0")
    fresh = []
    for conversation in listed:
        first, messages = first_seqs[conversation["id"]], []
        while page := api.messages(conversation, f"after_seq={first - 1 + len(messages)}&limit=200&user_id={user_id}"):
            messages += page
        fresh.append({**{name: conversation[name] for name in (*ABOUT, "version", "last_seq")}, "messages": messages})
    return fresh
