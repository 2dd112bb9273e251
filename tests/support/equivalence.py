"""A client that never loses its place: `Phone` does what an app has to do, and then shows what a fresh one shows.

The rules, one method each:

- What is written goes to an outbox first and is sent under its own `client_id` until the server acknowledges it.
- Messages are kept by id; of two states of one message the higher `version` wins. `seq` is their order.
- Every change in a conversation has the next `version`. One that is missing is a gap: ask for a sync. Events of one
  conversation may overtake each other where several servers run, so look when all that came is handled.
- Read and delivered pointers only move forward. Sending reads. Receipts have no version and leave no gap: after an
  absence get the others' anew.
- After an absence `join` with the versions known or the cursor of the last answer, or `POST /sync` with either;
  ask again while the answer says `has_more`.
- An answer to one's own request counts like an event: the device that asked gets no event for it.
"""

from typing import Any
from uuid import uuid4

from chat.schemas.messages import MessageSchema
from tests.support.client import Api
from tests.support.server import Device, Server

Json = dict[str, Any]

#: What is said of a conversation besides its messages and one's own pointers.
ABOUT = ("id", "name", "owner_user_id", "created_at", "participants")


#: What is kept of a message; an event carries more.
MESSAGE = tuple(MessageSchema().fields)


class Conversation:
    """What a device knows of one conversation."""

    def __init__(self, about: Json) -> None:
        self.about = {name: about[name] for name in ABOUT}
        self.version = about["version"]  # everything up to here is known
        self.ahead: set[int] = set()  # versions heard of beyond a gap
        self.first_seq = 1  # of the oldest message that the device keeps
        self.messages: dict[str, Json] = {}
        self.pointers = {user["id"]: (0, 0) for user in about["participants"]}  # read, delivered
        self.is_stale = False  # the others' pointers may have moved unheard

    @property
    def last_seq(self) -> int:
        return max((message["seq"] for message in self.messages.values()), default=0)

    @property
    def last_activity(self) -> str:
        return max((message["created_at"] for message in self.messages.values()), default=self.about["created_at"])

    def put(self, message: Json) -> None:
        """Keep a message unless a newer state of it is here, or it is older than what the device keeps."""
        known = self.messages.get(message["id"])
        if message["seq"] >= self.first_seq and (known is None or known["version"] < message["version"]):
            self.messages[message["id"]] = {name: message[name] for name in MESSAGE}
        self.move(message["user_id"], message["seq"], message["seq"])  # sending reads

    def saw(self, version: int) -> None:
        """Note a change; what is known reaches as far as there is no gap."""
        self.ahead.add(version)
        while self.version + 1 in self.ahead:
            self.version += 1
        self.ahead = {each for each in self.ahead if each > self.version}

    def move(self, user_id: str, read_seq: int, delivered_seq: int) -> None:
        """Move a member's pointers, which never go back."""
        read, delivered = self.pointers.get(user_id, (0, 0))
        self.pointers[user_id] = max(read, read_seq), max(delivered, delivered_seq)

    def apply(self, synced: Json) -> None:
        """Apply this conversation, changed, as a sync brought it."""
        self.about = {name: synced[name] for name in ABOUT}
        self.version = synced["version"]
        self.ahead = {each for each in self.ahead if each > self.version}
        if not synced["recovered"]:  # too much has changed: the newest page is a new beginning
            self.messages = {}
            self.first_seq = synced["messages"][0]["seq"] if synced["messages"] else 1
            self.is_stale = True
        for message in synced["messages"]:
            self.put(message)


class Phone:
    """One device of a user: a socket while it is online, and what it shows."""

    room: type[Conversation] = Conversation

    def __init__(self, server: Server, user: Json, page: int = 50) -> None:
        self.server = server
        self.api = Api(server)
        self.me = user["id"]
        self.page = page
        self.conversations: dict[str, Conversation] = {}
        self.outbox: dict[str, Json] = {}
        self.cursor: str | None = None
        self.by_cursor = False  # asks for what came after its last sync, instead of naming the versions that it knows
        self.socket: Device | None = None
        self.come_back()

    # absences

    def leave(self) -> None:
        if self.socket:
            self.socket.close()
            self.socket = None

    def come_back(self, by_http: bool = False, by_cursor: bool = False) -> None:
        """Connect, and get what was missed: in the acknowledgement of `join`, or by a request of its own."""
        self.by_cursor = by_cursor
        self.socket = Device(self.server)
        for conversation in self.conversations.values():
            conversation.is_stale = True
        if by_http:
            self.socket.call("join", {"id": self.me})  # first, so that nothing is missed in between
            self.sync()
        else:
            self.apply(self.socket.call("join", {"id": self.me, **self.known}))

    @property
    def known(self) -> Json:
        """What a sync is asked with."""
        if self.by_cursor and self.cursor:
            return {"cursor": self.cursor, "limit": self.page}
        since = {id: conversation.version for id, conversation in self.conversations.items()}
        return {"since": since, "limit": self.page}

    def sync(self) -> None:
        self.apply(self.api.request("POST", "/sync", {"user_id": self.me, **self.known}))

    def apply(self, answer: Json) -> None:
        """Apply what a sync answered."""
        assert not answer["reset"]
        for id in answer["removed"]:
            self.conversations.pop(id, None)
        for synced in answer["conversations"]:
            if "recovered" in synced:  # changed or new; else only the counters have come
                if synced["id"] not in self.conversations:
                    self.conversations[synced["id"]] = self.room(synced)
                    self.conversations[synced["id"]].is_stale = True
                self.conversations[synced["id"]].apply(synced)
            pointers = synced["last_read_seq"], synced["last_delivered_seq"]
            self.conversations[synced["id"]].move(self.me, *pointers)
        self.cursor = answer["cursor"]
        if answer["has_more"]:
            self.sync()

    # events, and answers, which count like events

    def catch_up(self) -> None:
        """Handle everything that has come in, then ask for what is missing."""
        assert self.socket
        for event, data in self.socket.heard_so_far():
            self.hear(event, data)
        self.look_for_gaps()

    def hear(self, event: str, data: Json) -> None:
        known = self.conversations.get(data.get("conversation_id", data.get("id")))
        if event == "newConversation" and known is None:
            self.conversations[data["id"]] = self.room(data)
        elif event == "message" and known is None:  # overtook its conversation
            self.sync()
        elif event == "message" and known:
            known.put(data)
            known.saw(data["version"])
        elif event == "receipt" and known:
            known.move(data["user_id"], data["read_seq"], data["delivered_seq"])

    def look_for_gaps(self) -> None:
        if any(conversation.ahead for conversation in self.conversations.values()):
            self.sync()

    # what its user does

    def open(self, *users: Json) -> None:
        headers = {"X_Socket_ID": self.socket.sid} if self.socket else {}
        self.hear("newConversation", self.api.conversation({"id": self.me}, *users, **headers))

    def write(self, conversation_id: str, text: str, **more: str) -> None:
        client_id = str(uuid4())
        letter = {"conversation_id": conversation_id, "message": text, "client_id": client_id}
        self.outbox[client_id] = letter | more

    def send(self, door: str = "socket", loses_answer: bool = False) -> None:
        """Send what is in the outbox; where the answer is lost on its way the message stays there, to be sent again."""
        for client_id, letter in list(self.outbox.items()):
            sent = self._send(letter, door)
            if not loses_answer:
                self.hear("message", sent)
                del self.outbox[client_id]

    def _send(self, letter: Json, door: str) -> Json:
        assert self.socket
        if door == "socket":
            sent: Json = self.socket.call("sendMessage", letter)
            assert "error" not in sent, sent
            return sent
        # A caller that does not name its socket is the user's only device: no other would be told.
        headers = {"X_Socket_ID": self.socket.sid} if door == "named" else {}
        path = f"/conversations/{letter['conversation_id']}/messages/create"
        answer: Json = self.api.request("POST", path, letter | {"user_id": self.me}, **headers)
        return answer

    def read(self, conversation_id: str, door: str = "socket", **pointers: int) -> None:
        assert self.socket
        if door == "socket":
            moved = self.socket.call("receipt", {"conversation_id": conversation_id, **pointers})
        else:
            headers = {"X_Socket_ID": self.socket.sid} if door == "named" else {}
            path = f"/conversations/{conversation_id}/receipts"
            moved = self.api.request("PUT", path, {"user_id": self.me, **pointers}, **headers)
        self.hear("receipt", moved)

    # what it shows

    def shown_messages(self) -> list[Json]:
        """The conversations, the most recently active first, each with the messages that the device keeps."""
        shown = sorted(
            self.conversations.values(), key=lambda each: (each.last_activity, each.about["id"]), reverse=True
        )
        return [
            {
                **each.about,
                "version": each.version,
                "last_seq": each.last_seq,
                "messages": sorted(each.messages.values(), key=lambda message: message["seq"]),
            }
            for each in shown
        ]

    def shown_pointers(self) -> dict[str, Json]:
        """The unread count and everyone's pointers in each conversation."""
        for id, conversation in self.conversations.items():
            if conversation.is_stale:
                for moved in self.api.request("GET", f"/conversations/{id}/receipts?user_id={self.me}"):
                    self.hear("receipt", moved)
                conversation.is_stale = False
        return {
            id: {"unread_count": each.last_seq - each.pointers[self.me][0], "pointers": each.pointers}
            for id, each in self.conversations.items()
        }
