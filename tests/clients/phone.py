"""The JavaScript client as a phone of the state-equivalence machine (tests/support/people.py)."""

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.clients.js import JsClient
from tests.support.client import Api
from tests.support.equivalence import Phone
from tests.support.fresh import all_messages
from tests.support.known import MESSAGE
from tests.support.server import Server

Json = dict[str, Any]

#: What the client shows of a conversation besides its messages.
ABOUT = ("id", "name", "owner_user_id", "created_at", "participants")


class JsPhone(Phone):
    """A device with the library. It sends, syncs and closes gaps by itself."""

    def __init__(self, server: Server, user: Json, page: int = 50) -> None:
        self._files = tempfile.TemporaryDirectory()
        self._user, self._page = user, page
        self.client = self._start(server)
        super().__init__(server, user, page)

    def _start(self, server: Server) -> JsClient:
        store = Path(self._files.name, "store.json")
        return JsClient(server, store, userId=self._user["id"], limit=self._page, delivered=False, unruly=True)

    def close(self) -> None:
        self.client.close()
        self._files.cleanup()

    # absences

    def leave(self) -> None:
        if self.socket:
            self.client.call("disconnect")
            self.socket = None

    def come_back(self, by_http: bool = False, by_cursor: bool = False) -> None:
        """Connect again; where others sync by HTTP, the app was ended and starts with what it has kept."""
        if by_http:
            self.client.call("save")
            self.client.kill()
            self.client = self._start(self.server)
        self.client.call("connect")
        self.socket = SimpleNamespace(sid=None)  # type: ignore[assignment]
        self.catch_up()

    def catch_up(self) -> None:
        assert self.client.call("settle") is None
        assert self.client.call("errors") == []

    # what its user does

    @property
    def conversations(self) -> Json:  # type: ignore[override]
        known = self.client.call("state")["conversations"]
        return {
            id: SimpleNamespace(last_seq=each["about"]["last_seq"], first_seq=each["first_seq"])
            for id, each in known.items()
        }

    @conversations.setter
    def conversations(self, value: Json) -> None:
        """The base class begins with none."""

    def open(self, *users: Json) -> None:
        self.client.call("createConversation", "a group", [user["id"] for user in users])

    def write(self, conversation_id: str, text: str) -> None:
        self.client.call("send", conversation_id, text)

    def send(self, door: str = "socket", loses_answer: bool = False) -> None:
        if loses_answer:
            self.client.call("cut")
        self.catch_up()

    def read(self, conversation_id: str, door: str = "socket", **pointers: int) -> None:
        if "read_seq" in pointers:
            self.client.call("markRead", conversation_id, pointers["read_seq"])
        elif "unread_from" in pointers:
            assert self.client.call("markUnread", conversation_id, pointers["unread_from"]) is None
        else:  # reported by itself, otherwise; here another of the user's devices does it
            path = f"/conversations/{conversation_id}/receipts"
            self.api.request("PUT", path, {"user_id": self.me, **pointers})

    def change(self, conversation_id: str, place: int, how: str, text: str) -> None:
        """Do something to one of the messages; what may not be done is refused, and taken back."""
        shown = [each for each in self.client.call("messages", conversation_id) if each["status"] == "sent"]
        if not shown:
            return
        message = shown[place % len(shown)]
        if how in ("reply_to", "thread_id"):
            self.client.call("send", conversation_id, {"message": text, how: message["id"]})
            return
        more = {"edit": [text], "remove": [], "react": ["👍"], "unreact": ["👍", False], "smile": ["🙂"]}[how]
        method = "react" if how in ("unreact", "smile") else how
        answer = self.client.call(method, message, *more)
        assert answer.get("failed") in (None, "not_allowed", "message_not_found", "version_conflict"), answer

    # what it shows

    def shown_messages(self) -> list[Json]:
        known = self.client.call("state")["conversations"]
        return [
            {
                **{name: each[name] for name in (*ABOUT, "version", "last_seq")},
                "messages": [
                    {**{name: message[name] for name in MESSAGE}, "reactions": as_for_all(message["reactions"])}
                    for message in self.client.call("messages", each["id"])
                    if message["seq"] >= known[each["id"]]["first_seq"]
                ],
            }
            for each in self.client.call("conversations")
        ]

    def shown_pointers(self) -> dict[str, Json]:
        known = self.client.call("receipts")
        return {
            id: {
                "unread_count": each["about"]["unread_count"],
                "pointers": {
                    **{user: (at["read_seq"], at["delivered_seq"]) for user, at in each["receipts"].items()},
                    self.me: (each["about"]["last_read_seq"], each["about"]["last_delivered_seq"]),
                },
            }
            for id, each in known.items()
        }


def as_for_all(reactions: list[Json]) -> list[Json]:
    """Return reactions as events carry them."""
    return [{name: value for name, value in each.items() if name != "me"} for each in reactions]


def fresh_messages(api: Api, user_id: str, first_seqs: dict[str, int]) -> list[Json]:
    """Return the conversations, the most recently active first, each with its messages from the given number on."""
    listed = api.conversations({"id": user_id}, "limit=100&message_limit=0")
    return [
        {
            **{name: conversation[name] for name in (*ABOUT, "version", "last_seq")},
            "messages": all_messages(api, conversation, first_seqs[conversation["id"]]),
        }
        for conversation in listed
    ]
