"""What a device knows of one conversation, and how events and answers change that; see `equivalence` for the rules."""

from typing import Any

from chat.schemas.conversations import ConversationSchema
from chat.schemas.messages import MessageSchema

Json = dict[str, Any]

#: What is said of a conversation besides its messages, and what is one's own.
ABOUT = tuple(ConversationSchema().fields.keys() - {"version", "last_seq"})
#: What is kept of a message; an event carries more.
MESSAGE = tuple(MessageSchema().fields)
NO_SETTINGS: Json = {"pinned": False, "archived": False, "muted_until": None, "notifications": None}
SETTINGS = tuple(NO_SETTINGS)

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


class Conversation:
    """What a device of one user knows of one conversation."""

    def __init__(self, about: Json, user_id: str) -> None:
        self.me = user_id
        self.version = about["version"]  # everything up to here is known
        self.ahead: set[int] = set()  # versions heard of beyond a gap
        self.misses_something = False
        self.first_seq = 1  # of the oldest message that the device keeps
        self.last_seq = 0
        self.messages: dict[str, Json] = {}
        self.settings = {name: about.get(name, NO_SETTINGS[name]) for name in SETTINGS}
        self.pointers = {user["id"]: (0, 0) for user in about["participants"]}  # read, delivered
        self.is_stale = False  # the others' pointers may have moved unheard
        self.described_at = 0
        self.describe(about)
        self._seen: dict[str, Json] = {}  # what quotes show of the messages that have come, kept or not

    # what it is like, and who is in it

    def describe(self, about: Json) -> None:
        """Take what is said of the conversation, unless something newer is known."""
        if about["version"] >= self.described_at:
            members = {user["id"] for user in about["participants"]}
            if members - self.pointers.keys():
                self.is_stale = True  # somebody is new, with pointers
            self.pointers = {id: pointers for id, pointers in self.pointers.items() if id in members}
            self.about = {name: about[name] for name in ABOUT}
            self.described_at = about["version"]
            self.last_seq = max(self.last_seq, about["last_seq"])

    @property
    def member_ids(self) -> set[str]:
        return {user["id"] for user in self.about["participants"]}

    def apply_participant(self, answer: Json, *, is_gone: bool) -> bool:
        """Apply the answer to one's own change of a participant; False when what is known is older than that."""
        if not self.version == self.described_at == answer["version"] - 1 or self.ahead:
            return self.version >= answer["version"]
        members = [user for user in self.about["participants"] if user["id"] != answer["id"]]
        if is_gone:
            self.about["member_count"] -= 1
            self.pointers.pop(answer["id"], None)
        else:
            if answer["role"] == "owner":
                self.about["owner_user_id"] = answer["id"]
                members = [user | {"role": "admin"} if user["role"] == "owner" else user for user in members]
            members.append({name: answer[name] for name in members[0]})
        self.about["participants"] = members
        self.described_at = answer["version"]
        self.saw(answer["version"])
        return True

    # versions and pointers

    def saw(self, version: int) -> None:
        """Note a change; what is known reaches as far as there is no gap."""
        self.ahead.add(version)
        while self.version + 1 in self.ahead:
            self.version += 1
        self.ahead = {each for each in self.ahead if each > self.version}

    def move(self, user_id: str, read_seq: int, delivered_seq: int) -> None:
        """Move a member's pointers forward."""
        if user_id in self.member_ids:
            read, delivered = self.pointers.get(user_id, (0, 0))
            self.pointers[user_id] = max(read, read_seq), max(delivered, delivered_seq)

    def apply(self, synced: Json) -> None:
        """Apply this conversation, changed, as a sync brought it."""
        self.misses_something = False
        self.described_at = 0
        self.describe(synced)
        self.version = synced["version"]
        self.ahead = {each for each in self.ahead if each > self.version}
        if not synced["recovered"]:  # too much has changed: the newest page is a new beginning
            self.messages = {}
            self.first_seq = synced["messages"][0]["seq"] if synced["messages"] else 1
            self.is_stale = True
        for message in synced["messages"]:
            if message["id"] not in self.messages and message["type"] == "text":
                self.move(message["user_id"], message["seq"], message["seq"])
            self.put(message)

    # messages

    def hear(self, event: str, data: Json) -> None:
        """Apply an event that changes messages."""
        first = data.get("from_version", data["version"])
        if event in ("reaction", "messageDeleted") and first > self.version + 1:
            self.misses_something = True
            return
        if event == "message" and data["type"] == "text":
            self.move(data["user_id"], data["seq"], data["seq"])  # sending reads
            if data["version"] > self.version and not self.settings["muted_until"]:
                self.settings["archived"] = False
        if event in ("message", "messageUpdated"):
            self.put(data)
            self.put_reply(data.get("thread"), data["version"])
        elif event == "reaction":
            self.react(data)
        else:
            self.delete(data)
        for version in range(first, data["version"] + 1):
            self.saw(version)

    def put(self, message: Json) -> None:
        """Keep a message unless a newer state of it is here, or it is older than what the device keeps."""
        known = self.messages.get(message["id"])
        self.last_seq = max(self.last_seq, message["seq"])
        self.draw_quotes(message)
        if message["seq"] >= self.first_seq and (known is None or known["version"] <= message["version"]):
            kept = {name: message[name] for name in MESSAGE}
            kept["reactions"] = [
                {name: each[name] for name in ("emoji", "count", "user_ids")} for each in message["reactions"]
            ]
            original = self._seen.get(message["reply_to"] or "")
            if kept["quote"] and original and original["version"] > message["version"]:
                kept["quote"] = kept["quote"] | original["quote"]
            self.messages[message["id"]] = kept

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
        self.draw_quotes(changed | {"message": ""})
        message = self.messages.get(deleted["id"])
        if message and message["version"] < deleted["version"]:
            message |= GONE | changed
        self.put_reply(deleted["thread"], deleted["version"])

    def draw_quotes(self, original: Json) -> None:
        """Draw the quotes of a message anew, unless a newer state of it has been seen."""
        seen = self._seen.get(original["id"])
        if seen and seen["version"] > original["version"]:
            return
        quote = {"message": original["message"][:200], "deleted_at": original["deleted_at"]}
        self._seen[original["id"]] = {"version": original["version"], "quote": quote}
        for message in self.messages.values():
            if message["quote"] and message["quote"]["id"] == original["id"]:
                message["quote"] = message["quote"] | quote

    # what it shows

    @property
    def shown_messages(self) -> list[Json]:
        """The messages in their order, as this user sees them."""
        shown = sorted(self.messages.values(), key=lambda message: int(message["seq"]))
        return [
            message | {"reactions": [each | {"me": self.me in each["user_ids"]} for each in message["reactions"]]}
            for message in shown
        ]

    @property
    def unread_count(self) -> int | None:
        """How many messages are after the user's pointer; None when not all of those are here."""
        read = self.pointers[self.me][0]
        if read < self.first_seq - 1:
            return None
        return sum(each["type"] == "text" and each["seq"] > read for each in self.messages.values())
