"""The catalogue of events that the server sends: what each carries and who hears it; `/asyncapi.json` shows it."""

from typing import Literal, NamedTuple

from ..schemas.base import Schema
from ..schemas.conversations import ConversationSchema
from ..schemas.errors import ProblemSchema
from ..schemas.events import VersionSchema
from ..schemas.messages import SentMessageSchema
from ..schemas.receipts import ReceiptSchema


class Event(NamedTuple):
    """One event: its name, what it carries, and who hears it.

    `audience`: the members of the conversation, named users, or one session. `skips`: who of them does not hear it: the
    socket that acts; with `caller`, when no socket is named, every session of the caller (the tutorial's rule); or
    nobody. `latest_of`: the fields that name a state of which clients need only the latest: the first of a burst is
    sent at once and the latest a second later. `grows`: the fields that say which of two states is later.
    """

    name: str
    summary: str
    schema: type[Schema]
    audience: Literal["members", "users", "session"] = "members"
    skips: Literal["socket", "caller", "nobody"] = "socket"
    latest_of: tuple[str, ...] = ()
    grows: tuple[str, ...] = ()


MESSAGE = Event(
    "message",
    "A message was sent: to every session of the members but the sender's, or but the socket that sent it.",
    SentMessageSchema,
    skips="caller",
)
NEW_CONVERSATION = Event(
    "newConversation",
    "A conversation was opened: to every session of the listed participants.",
    ConversationSchema,
)
RECEIPT = Event(
    "receipt",
    "A member has received or read: to the other members and the user's other devices, at most once a second.",
    ReceiptSchema,
    latest_of=("conversation_id", "user_id"),
    grows=("read_seq", "delivered_seq"),  # pointers only move forward: the later state is not behind in either
)
UNAUTHORIZED = Event(
    "unauthorized",
    "The session's token expired or was revoked: to this session; the server disconnects after it.",
    ProblemSchema,
    audience="session",
)

VERSION = Event(
    "version",
    "Something changed that this member may not see, since it is of before the member's time: take the number.",
    VersionSchema,
    audience="users",
)

#: Every event above, by name.
EVENTS = {event.name: event for event in list(globals().values()) if isinstance(event, Event)}
