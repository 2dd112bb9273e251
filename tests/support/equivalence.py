"""A client that never loses its place: `Phone` does what an app has to do, and then shows what a fresh one shows.

Of messages:

- What is written goes to an outbox first and is sent under its own `client_id` until the server acknowledges it.
- Messages are kept by id; of two states of one message the higher `version` wins. `seq` is their order.
- Events that hold a whole message can be applied whenever they come. Those that hold a part of it (`reaction`,
  `messageDeleted`, the `thread` of a reply) can be applied by who knows everything before them; who does not asks for
  a sync. `from_version`: the event stands for the changes from this version to its own.
- Quotes have no version: they are drawn anew when their original changes, also one that the device does not keep.
- `me` of a reaction is not in events: it is whether the user is among `user_ids`.

Of conversations:

- Every change has the next `version`. One that is missing is a gap: ask for a sync. Events of one conversation may
  overtake each other where several servers run, so look when all that came is handled.
- `newConversation` of one in which something was said: ask for a sync, which brings it whole.
- `conversationUpdated` takes the place of what is known of the conversation, unless that is newer. Who is new in it has
  pointers: get all of them anew.
- The answer to a change of a participant says what has changed, at which version: apply it to the version before; when
  another is known, ask for a sync.
- `removedFromConversation`, `conversationDeleted`: drop it, unless what is known is newer: the user is in it again.

Of what has no version:

- Pointers move forward; sending reads. One's own that comes back is late, or marked unread: ask for a sync. The others'
  leave no gap: after an absence get them anew.
- Settings: what came over the socket is handled before an answer is. `archived` ends with a new message of type `text`,
  unless the conversation is muted. System messages are unread for nobody.
- Profiles: `userUpdated` tells of the people one shares a conversation with; get anew what may have changed unheard.

After an absence `join` with the versions known or the cursor of the last answer, or `POST /sync` with either; ask again
while the answer says `has_more`. An answer to one's own request counts like an event: the device gets no event for it.
"""

from typing import Any
from uuid import uuid4

from tests.support.client import Api
from tests.support.known import SETTINGS, Conversation, Json
from tests.support.server import Device, Server

#: What a refused change is answered with: what the phone shows may be old, and not everybody may do everything.
REFUSED = (403, 404, 409)
REFUSALS = (
    "conversation_not_found",
    "message_not_found",
    "blocked",
    "frozen",
    "attachment_used",
    "attachment_not_found",
)

#: Events that change messages.
CHANGES = ("message", "messageUpdated", "messageDeleted", "reaction")
#: What everybody may see of a person, and what an author's profile holds of that.
PROFILE = ("username", "avatar_url")


class Phone:
    """One device of a user: a socket while it is online, and what it shows."""

    kind = Conversation

    def __init__(self, server: Server, user: Json, page: int = 50) -> None:
        self.server = server
        self.api = Api(server)
        self.me = user["id"]
        self.page = page
        self.conversations: dict[str, Conversation] = {}
        self.profiles: dict[str, Json] = {}
        self.trusted: set[str] = set()  # whose profile cannot have changed unheard
        self.failed: set[str] = set()  # scheduled messages that could not be sent
        self.outbox: dict[str, Json] = {}
        self.cursor: str | None = None
        self.by_cursor = False  # asks for what came after its last sync, instead of naming the versions that it knows
        self.misses_pointers = False
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
        self.trusted.clear()
        for conversation in self.conversations.values():
            conversation.is_stale = True
        if by_http:
            self.socket.call("join", {"id": self.me})  # first, so that nothing is missed in between
            self.sync()
        else:
            self.apply(self.socket.call("join", {"id": self.me, **self.known}))
        self.failed |= {each["id"] for each in self.scheduled() if each["failed"]}

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
            id = synced["id"]
            if "recovered" in synced:  # changed or new; else only what is one's own has come
                if id not in self.conversations:
                    self.conversations[id] = self.kind(synced, self.me)
                    self.conversations[id].is_stale = True
                self.conversations[id].apply(synced)
            known = self.conversations[id]
            known.settings = {name: synced[name] for name in SETTINGS}
            known.pointers[self.me] = synced["last_read_seq"], synced["last_delivered_seq"]
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
        if event == "userUpdated":
            self.profiles[data["id"]] = {name: data[name] for name in PROFILE}
        elif event == "scheduledFailed":
            self.failed.add(data["id"])
        elif known is None:
            if event == "newConversation" and data["last_seq"] == 0:
                self.conversations[data["id"]] = self.kind(data, self.me)
            elif event in ("newConversation", "message"):  # with a past, or overtaken by its first message
                self.sync()
        elif event in ("newConversation", "conversationUpdated"):
            known.describe(data)
            known.saw(data["version"])
        elif event in CHANGES:
            known.hear(event, data)
        elif event == "version":
            for version in range(data.get("from_version", data["version"]), data["version"] + 1):
                known.saw(version)
        elif event == "receipt":
            self.misses_pointers |= data["user_id"] == self.me and data["read_seq"] < known.pointers[self.me][0]
            known.move(data["user_id"], data["read_seq"], data["delivered_seq"])
        elif event == "conversationSettings":
            known.settings = {name: data[name] for name in SETTINGS}
        elif event in ("removedFromConversation", "conversationDeleted") and data["version"] > known.version:
            del self.conversations[data["conversation_id"]]
        self.trusted &= self.contacts

    @property
    def contacts(self) -> set[str]:
        """With whom the user shares a conversation."""
        return {self.me}.union(*(each.member_ids for each in self.conversations.values()))

    def look_for_gaps(self) -> None:
        known = self.conversations.values()
        if self.misses_pointers or any(each.ahead or each.misses_something for each in known):
            self.misses_pointers = False
            self.sync()

    # what its user does

    def open(self, *users: Json) -> None:
        headers = {"X_Socket_ID": self.socket.sid} if self.socket else {}
        self.hear("newConversation", self.api.conversation({"id": self.me}, *users, **headers))

    def write(self, conversation_id: str, text: str, **more: Any) -> None:
        client_id = str(uuid4())
        letter = {"conversation_id": conversation_id, "message": text, "client_id": client_id}
        self.outbox[client_id] = letter | more

    def send(self, door: str = "socket", loses_answer: bool = False) -> None:
        """Send what is in the outbox; where the answer is lost on its way the message stays there, to be sent again."""
        for client_id, letter in list(self.outbox.items()):
            sent = self._send(letter, door)
            if not loses_answer:
                del self.outbox[client_id]
                if sent:
                    self.hear("message", sent)

    def _send(self, letter: Json, door: str) -> Json | None:
        """Return what was sent, None when it was refused."""
        assert self.socket
        if door == "socket":
            sent: Json = self.socket.call("sendMessage", letter)
            assert sent.get("error", {}).get("code") in (None, *REFUSALS), sent
            return None if "error" in sent else sent
        # A caller that does not name its socket is the user's only device: no other would be told.
        path = f"/conversations/{letter['conversation_id']}/messages/create"
        return self.try_to("POST", path, door, **letter)

    def read(self, conversation_id: str, door: str = "socket", **pointers: int) -> None:
        assert self.socket
        if door == "socket":
            moved = self.socket.call("receipt", {"conversation_id": conversation_id, **pointers})
            if "error" in moved:
                assert moved["error"]["code"] == "conversation_not_found", moved
                return
        else:
            moved = self.try_to("PUT", f"/conversations/{conversation_id}/receipts", door, **pointers)
        if moved:
            self.hear("receipt", moved)
            self.look_for_gaps()

    def try_to(self, method: str, path: str, door: str = "named", **body: Any) -> Any:
        """Make a request, and return the answer; None when the user may not."""
        headers = {"X_Socket_ID": self.socket.sid} if self.socket and door != "unnamed" else {}
        if method == "DELETE":
            answer = self.server.request(method, f"{path}?user_id={self.me}", **headers)
        else:
            answer = self.server.request(method, path, {"user_id": self.me, **body}, **headers)
        assert answer.status in (200, *REFUSED), answer.json()
        return answer.json() if answer.status == 200 else None

    def change(self, event: str, method: str, path: str, door: str = "named", **body: Any) -> None:
        """Make a change whose answer counts like this event."""
        answer = self.try_to(method, path, door, **body)
        self.catch_up()  # what was announced before the answer
        if answer:
            self.hear(event, answer)
            self.look_for_gaps()

    def change_participant(self, method: str, conversation_id: str, user_id: str, **body: Any) -> None:
        answer = self.try_to(method, f"/conversations/{conversation_id}/participants/{user_id}", **body)
        if answer is None:
            return
        is_gone = method == "DELETE"
        known = self.conversations.get(conversation_id)
        if is_gone and user_id == self.me:
            self.hear("removedFromConversation", answer)
        elif known and not known.apply_participant(answer, is_gone=is_gone):
            self.sync()

    def upload(self) -> str:
        """Return the id of a file of the user's."""
        url = f"{self.server.url}/attachments"
        fields = {"user_id": self.me, "file": ("tea.txt", b"tea", "text/plain")}
        answer = self.server.http.request("POST", url, fields=fields, timeout=30)
        assert answer.status == 200, answer.json()
        return str(answer.json()["id"])

    def scheduled(self) -> list[Json]:
        """Return what the user has scheduled and is not sent."""
        return list(self.api.request("GET", f"/scheduled?user_id={self.me}&limit=100"))

    # what it shows

    def shown(self) -> dict[str, Json]:
        """Everything that it knows, by conversation."""
        for id, each in list(self.conversations.items()):
            if each.is_stale:
                own = each.pointers[self.me]
                each.pointers = {self.me: own}
                for moved in self.api.request("GET", f"/conversations/{id}/receipts?user_id={self.me}"):
                    self.hear("receipt", moved)
                each.is_stale = False
        return {id: self._shown(each) for id, each in self.conversations.items()}

    def _shown(self, known: Conversation) -> Json:
        unread = known.unread_count
        if unread is None:
            unread = self.api.conversation_of(known.about, {"id": self.me})["unread_count"]
        members = [user | self.profile(user["id"]) for user in known.about["participants"]]
        return {
            "about": known.about
            | {"version": known.version, "last_seq": known.last_seq}
            | {"participants": sorted(members, key=lambda user: (user["username"], user["id"]))},
            "settings": known.settings,
            "messages": [self._drawn(message) for message in known.shown_messages],
            "pointers": known.pointers,
            "unread_count": unread,
        }

    def _drawn(self, message: Json) -> Json:
        """Return a message under its author's name."""
        named = {"users": {"id": message["user_id"]} | self.profile(message["user_id"])}
        quote = message["quote"]
        if quote:
            named["quote"] = quote | {"users": {"id": quote["user_id"]} | self.profile(quote["user_id"])}
        return message | named

    def profile(self, user_id: str) -> Json:
        """Return the name and the picture of a person; whose may have changed unheard are got anew."""
        if user_id not in self.trusted:
            got = self.api.request("GET", f"/users/{user_id}?user_id={self.me}")
            self.profiles[user_id] = {name: got[name] for name in PROFILE}
            self.trusted |= {user_id} & self.contacts
        return self.profiles[user_id]
