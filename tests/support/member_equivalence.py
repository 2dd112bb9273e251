"""A client of conversations whose members come and go, and what a fresh one shows; see `equivalence` for the rest.

More rules, one method each:

- `newConversation` of one in which something was said: ask for a sync, which brings it whole.
- `conversationUpdated` takes the place of what is known of the conversation, unless that is newer. Who is new in it has
  pointers: get all of them anew.
- The answer to a change of a participant says what has changed, at which version: apply it to the version before; when
  another is known, ask for a sync.
- `removedFromConversation`, `conversationDeleted`: drop it, unless what is known is newer: the user is in it again.
- Settings have no version: what came over the socket is handled before an answer is.
- `archived` ends with a new message of type `text`, unless the conversation is muted. System messages are unread for
  nobody.
"""

from typing import Any

from chat.schemas.conversations import ConversationSchema
from tests.support.client import Api
from tests.support.equivalence import MESSAGE, Conversation, Json, Phone

#: What is said of a conversation besides its messages, and what is one's own.
ABOUT = tuple(ConversationSchema().fields.keys() - {"version", "last_seq"})
SETTINGS = ("pinned", "archived", "muted_until", "notifications")
NO_SETTINGS: Json = {"pinned": False, "archived": False, "muted_until": None, "notifications": None}


class Room(Conversation):
    """What a device knows of one conversation."""

    def __init__(self, about: Json) -> None:
        super().__init__(about)
        self.settings = {name: about.get(name, NO_SETTINGS[name]) for name in SETTINGS}
        self.newest_seq = 0
        self.describe(about)

    def describe(self, about: Json) -> None:
        """Take what is said of the conversation, unless something newer is known."""
        if about["version"] >= getattr(self, "described_at", 0):
            members = {user["id"] for user in about["participants"]}
            if members - self.pointers.keys():
                self.is_stale = True  # somebody is new, with pointers
            self.pointers = {id: pointers for id, pointers in self.pointers.items() if id in members}
            self.about = {name: about[name] for name in ABOUT}
            self.described_at: int = about["version"]
            self.newest_seq = max(self.newest_seq, about["last_seq"])

    def put(self, message: Json) -> None:
        known = self.messages.get(message["id"])
        if message["seq"] >= self.first_seq and (known is None or known["version"] < message["version"]):
            self.messages[message["id"]] = {name: message[name] for name in MESSAGE}
        self.newest_seq = max(self.newest_seq, message["seq"])
        if message["type"] == "text":
            self.move(message["user_id"], message["seq"], message["seq"])

    def hear_message(self, message: Json) -> None:
        if message["version"] > self.version and message["type"] == "text" and not self.settings["muted_until"]:
            self.settings["archived"] = False
        self.put(message)
        self.saw(message["version"])

    def move(self, user_id: str, read_seq: int, delivered_seq: int) -> None:
        if user_id in {user["id"] for user in self.about["participants"]}:
            super().move(user_id, read_seq, delivered_seq)

    def apply(self, synced: Json) -> None:
        self.described_at = 0
        self.describe(synced)
        about = self.about
        super().apply(synced)
        self.about = about

    def unread(self, user_id: str) -> int | None:
        """Count the messages of others after the pointer; None when not all of those are here."""
        read = self.pointers[user_id][0]
        if read < self.first_seq - 1:
            return None
        return sum(each["type"] == "text" and each["seq"] > read for each in self.messages.values())


class MemberPhone(Phone):
    """One device of a user who may be removed and added."""

    conversations: dict[str, Room]  # type: ignore[assignment]

    def apply(self, answer: Json) -> None:
        assert not answer["reset"]
        for id in answer["removed"]:
            self.conversations.pop(id, None)
        for synced in answer["conversations"]:
            id = synced["id"]
            if "recovered" in synced:
                if id not in self.conversations:
                    self.conversations[id] = Room(synced)
                    self.conversations[id].is_stale = True
                self.conversations[id].apply(synced)
            known = self.conversations[id]
            known.settings = {name: synced[name] for name in SETTINGS}
            known.move(self.me, synced["last_read_seq"], synced["last_delivered_seq"])
        self.cursor = answer["cursor"]
        if answer["has_more"]:
            self.sync()

    def hear(self, event: str, data: Json) -> None:
        if not data:  # a send that was refused
            return
        known = self.conversations.get(data["conversation_id"])
        if known is None:
            if event == "newConversation" and data["last_seq"] == 0:
                self.conversations[data["id"]] = Room(data)
            elif event in ("newConversation", "message"):
                self.sync()
        elif event in ("newConversation", "conversationUpdated"):
            known.describe(data)
            known.saw(data["version"])
        elif event == "message":
            known.hear_message(data)
        elif event == "version":
            known.saw(data["version"])
        elif event == "receipt":
            known.move(data["user_id"], data["read_seq"], data["delivered_seq"])
        elif event == "conversationSettings":
            known.settings = {name: data[name] for name in SETTINGS}
        elif event in ("removedFromConversation", "conversationDeleted") and data["version"] > known.version:
            del self.conversations[data["conversation_id"]]

    # what its user does

    def try_to(self, method: str, path: str, **body: Any) -> Json | None:
        """Make a request that names this socket, and return the answer; None when it may not, or knows too little."""
        assert self.socket
        if method == "DELETE":
            path, body = f"{path}?user_id={self.me}", {}
        named = {"X_Socket_ID": self.socket.sid}
        answer = self.server.request(
            method, path, {"user_id": self.me, **body} if body or method != "DELETE" else None, **named
        )
        assert answer.status in (200, 403, 404), answer.json()
        return answer.json() if answer.status == 200 else None

    def change(self, event: str, method: str, path: str, **body: Any) -> None:
        """Make a change whose answer counts like this event."""
        answer = self.try_to(method, path, **body)
        self.catch_up()
        if answer:
            self.hear(event, answer)
            self.look_for_gaps()

    def change_participant(self, method: str, conversation_id: str, user_id: str, **body: Any) -> None:
        answer = self.try_to(method, f"/conversations/{conversation_id}/participants/{user_id}", **body)
        if answer is None:
            return
        known = self.conversations.get(conversation_id)
        if method == "DELETE" and user_id == self.me:
            self.hear("removedFromConversation", answer)
        elif known and known.version == known.described_at == answer["version"] - 1 and not known.ahead:
            apply_participant(known, answer, is_gone=method == "DELETE")
        elif known and known.version < answer["version"]:
            self.sync()

    def _send(self, letter: Json, door: str) -> Json:
        assert self.socket
        sent: Json = self.socket.call("sendMessage", letter)
        if "error" in sent:
            assert sent["error"]["code"] == "conversation_not_found", sent
            return {}
        return sent

    def read(self, conversation_id: str, door: str = "socket", **pointers: int) -> None:
        assert self.socket
        moved = self.socket.call("receipt", {"conversation_id": conversation_id, **pointers})
        if "error" in moved:
            assert moved["error"]["code"] == "conversation_not_found", moved
        else:
            self.hear("receipt", moved)

    # what it shows

    def shown(self) -> dict[str, Json]:
        """Everything that it knows, by conversation."""
        shown = {}
        for id, each in list(self.conversations.items()):
            if each.is_stale:
                path = f"/conversations/{id}/receipts?user_id={self.me}"
                each.pointers = {}
                for moved in self.api.request("GET", path):
                    self.hear("receipt", moved)
                each.is_stale = False
            unread = each.unread(self.me)
            if unread is None:
                unread = self.api.conversation_of(each.about, {"id": self.me})["unread_count"]
            shown[id] = {
                "about": each.about | {"version": each.version, "last_seq": each.newest_seq},
                "settings": each.settings,
                "messages": sorted(each.messages.values(), key=lambda message: message["seq"]),
                "pointers": each.pointers,
                "unread_count": unread,
            }
        return shown


def apply_participant(known: Room, answer: Json, *, is_gone: bool) -> None:
    """Apply the answer to one's own change of a participant to what is known of the version before."""
    members = [user for user in known.about["participants"] if user["id"] != answer["id"]]
    if is_gone:
        known.about["member_count"] -= 1
        known.pointers.pop(answer["id"], None)
    else:
        if answer["role"] == "owner":
            known.about["owner_user_id"] = answer["id"]
            members = [user | {"role": "admin"} if user["role"] == "owner" else user for user in members]
        members.append({name: answer[name] for name in members[0]})
    known.about["participants"] = sorted(members, key=lambda user: (user["username"], user["id"]))
    known.described_at = answer["version"]
    known.saw(answer["version"])


def fresh(api: Api, user_id: str, first_seqs: dict[str, int]) -> dict[str, Json]:
    """Return what a device shows that loads everything now, messages from the given numbers on."""
    found = {}
    listed = api.conversations({"id": user_id}, "limit=100&message_limit=0&archived=true")
    assert [each["pinned"] for each in listed] == sorted((each["pinned"] for each in listed), reverse=True)
    shown = api.conversations({"id": user_id}, "limit=100&message_limit=0")
    assert shown == [each for each in listed if not each["archived"]]
    for each in listed:
        messages: list[Json] = []
        after = first_seqs.get(each["id"], 1) - 1
        while page := api.messages(each, f"user_id={user_id}&after_seq={after}&limit=200"):
            messages += page
            after = page[-1]["seq"]
        receipts = api.request("GET", f"/conversations/{each['id']}/receipts?user_id={user_id}")
        members = api.members(each, {"id": user_id})
        assert len(members) == each["member_count"]
        assert sorted(user["id"] for user in members) == sorted(user["id"] for user in each["participants"])
        found[each["id"]] = {
            "about": {name: each[name] for name in (*ABOUT, "version", "last_seq")},
            "settings": {name: each[name] for name in SETTINGS},
            "messages": messages,
            "pointers": {receipt["user_id"]: (receipt["read_seq"], receipt["delivered_seq"]) for receipt in receipts},
            "unread_count": each["unread_count"],
        }
    return found
