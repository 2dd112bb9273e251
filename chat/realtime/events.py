"""The catalogue of events that the server sends: what each carries and who hears it; `/asyncapi.json` shows it."""

from typing import Literal, NamedTuple

from ..schemas.base import Schema
from ..schemas.conversations import ConversationSchema
from ..schemas.edits import MessageDeletionSchema, UpdatedMessageSchema
from ..schemas.errors import ProblemSchema
from ..schemas.events import VersionSchema
from ..schemas.members import SettingsSchema
from ..schemas.messages import SentMessageSchema
from ..schemas.presence import PresenceSchema, TypingSchema
from ..schemas.reactions import ReactionChangeSchema
from ..schemas.receipts import ReceiptSchema
from ..schemas.scheduled import ScheduledFailedSchema
from ..schemas.users import PublicProfileSchema


class Event(NamedTuple):
    """One event: its name, what it carries, and who hears it.

    `audience`: the members of the conversation, named users, or one session. `skips`: who of them does not hear it: the
    socket that acts; with `caller`, when no socket is named, every session of the caller (the tutorial's rule); or
    nobody. `latest_of`: the fields that name a state of which clients need only the latest: the first of a burst is
    sent at once and the latest a second later. `grows`: the fields that say which of two states is later.
    `is_receipt`: who shares no receipts does not hear it.
    """

    name: str
    summary: str
    schema: type[Schema]
    audience: Literal["members", "users", "session"] = "members"
    skips: Literal["socket", "caller", "nobody"] = "socket"
    latest_of: tuple[str, ...] = ()
    grows: tuple[str, ...] = ()
    is_receipt: bool = False


MESSAGE = Event(
    "message",
    "A message was sent: to every session of the members but the sender's, or but the socket that sent it. One of type "
    "`system`: to every session of the members.",
    SentMessageSchema,
    skips="caller",
)
MESSAGE_UPDATED = Event(
    "messageUpdated",
    "A message was edited, pinned or unpinned, or many reacted at once: to the members, but the socket that acts.",
    UpdatedMessageSchema,
)
MESSAGE_DELETED = Event(
    "messageDeleted",
    "A message was deleted: to the members, but the socket that acts.",
    MessageDeletionSchema,
)
REACTION = Event(
    "reaction",
    "Somebody reacted to a message, or took that back: to the members, but the socket that acts.",
    ReactionChangeSchema,
)
NEW_CONVERSATION = Event(
    "newConversation",
    "A conversation was opened, or the user was added to it or came in: to every session of those who are new in it.",
    ConversationSchema,
)
CONVERSATION_UPDATED = Event(
    "conversationUpdated",
    "A conversation was changed, or its members or their roles: the conversation without its messages.",
    ConversationSchema,
)
CONVERSATION_DELETED = Event(
    "conversationDeleted",
    "A conversation was deleted, with everything in it.",
    VersionSchema,
    audience="users",
)
REMOVED_FROM_CONVERSATION = Event(
    "removedFromConversation",
    "The user was removed from a conversation, or has left it: nothing of it is heard afterwards.",
    VersionSchema,
    audience="users",
)
CONVERSATION_SETTINGS = Event(
    "conversationSettings",
    "The user's own settings of a conversation have changed: to the user's other sessions. It has no version.",
    SettingsSchema,
    audience="users",
)
RECEIPT = Event(
    "receipt",
    "A member has received or read: to the other members and the user's other devices, at most once a second. Marked "
    "unread: to the user's other devices alone.",
    ReceiptSchema,
    latest_of=("conversation_id", "user_id"),
    grows=("read_seq", "delivered_seq"),
    is_receipt=True,
)
USER_UPDATED = Event(
    "userUpdated",
    "A profile was changed: to every session of those who share a conversation with the user, and to the user's own.",
    PublicProfileSchema,
    audience="users",
)
TYPING = Event(
    "typing",
    "A member types, or does no longer: to the other members. Over after `expires_in` seconds unless it is repeated.",
    TypingSchema,
)
PRESENCE = Event(
    "presence",
    "A user came online or went offline: to the sockets that watch it.",
    PresenceSchema,
    audience="session",
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

SCHEDULED_FAILED = Event(
    "scheduledFailed",
    "A scheduled message could not be sent at its time: to every session of its sender, who still has it.",
    ScheduledFailedSchema,
    audience="users",
)

#: Every event above, by name.
EVENTS = {event.name: event for event in list(globals().values()) if isinstance(event, Event)}
