"""The catalogue of events that the server sends, and the only place that sends them.

Every event is a hint: it leaves after its transaction has committed, and a delivery that fails is
logged and forgotten, since `POST /sync` has it all.
"""

import logging
from typing import Any

from marshmallow import Schema

from ..extensions import socketio
from ..schemas.conversations import ConversationSchema
from ..schemas.errors import ProblemSchema
from ..schemas.messages import SentMessageSchema
from ..schemas.receipts import ReceiptSchema
from .coalesce import Coalescer

log = logging.getLogger(__name__)

#: What each event carries.
EVENTS: dict[str, type[Schema]] = {
    "message": SentMessageSchema,
    "newConversation": ConversationSchema,
    "receipt": ReceiptSchema,
    "unauthorized": ProblemSchema,
}

_receipts = Coalescer()


def message(sent: dict[str, Any], member_ids: list[str], own_sid: str | None) -> None:
    """`message` to every member's sessions but the sender's; with `own_sid` to all but that one."""
    _emit("message", sent, _others(member_ids, sent["user_id"], own_sid), own_sid)


def new_conversation(conversation: dict[str, Any], listed_ids: list[str], own_sid: str | None) -> None:
    """`newConversation` to every listed participant's sessions; with `own_sid` also to the owner's other devices."""
    recipients = [*listed_ids, conversation["owner_user_id"]] if own_sid else listed_ids
    _emit("newConversation", conversation, recipients, own_sid)


def receipt(moved: dict[str, Any], member_ids: list[str], own_sid: str | None) -> None:
    """`receipt` to the other members and the user's other devices, at most once a second for each conversation."""
    key = (moved["conversation_id"], moved["user_id"])
    # Pointers only move forward: of two states of one member the later is not behind in either.
    age = (moved["read_seq"], moved["delivered_seq"])
    _receipts.offer(key, age, lambda: _emit("receipt", moved, member_ids, own_sid))


def unauthorized(told: dict[str, Any], sid: str) -> None:
    """`unauthorized` to one session that is about to be disconnected: its token does not hold any longer."""
    _emit("unauthorized", told, [sid])


def _others(member_ids: list[str], sender_id: str, own_sid: str | None) -> list[str]:
    return member_ids if own_sid else [each for each in member_ids if each != sender_id]


def _emit(event: str, payload: dict[str, Any], rooms: list[str], skip_sid: str | None = None) -> None:
    if not rooms:
        return
    try:
        socketio.emit(event, payload, to=rooms, skip_sid=skip_sid)
    except Exception:
        log.exception("the event %s could not be sent", event)
