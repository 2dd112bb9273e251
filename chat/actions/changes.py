"""The one write path: wait for the conversation, write, announce, return."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from flask import current_app
from werkzeug.local import LocalProxy

from ..auth import Caller
from ..errors import ChatError, StorageFault
from ..realtime.announce import announce
from ..realtime.events import EVENTS, MESSAGE, Event
from ..storage import Announcement, Change, Storage, storage
from .gate import Gate, Ticket
from .jobs import wake_runner


def commit(
    event: Event, caller: Caller, conversation_id: str, write: Callable[[], Change], *, in_order: bool = True
) -> dict[str, Any]:
    """Do one write in a conversation, announce it as `event` or as the events that it names, and return its result.

    `in_order`: after the writes of this process that came before it, so that events leave in the order of their
    versions; false for what has no version. Raises what `write` raises.
    """

    def work() -> dict[str, Any]:
        return announced(event, caller, conversation_id, write())

    return gate.do(Ticket(conversation_id, work)) if in_order else work()


def announced(event: Event, caller: Caller, conversation_id: str, change: Change) -> dict[str, Any]:
    """Announce a write as `event`, or as the events that it names, and return its result."""
    if change.announce:
        if current_app.config["CHAT"].has_listeners:
            wake_runner()
        for each in change.events or [Announcement(event=event.name, payload=change.result)]:
            announce(EVENTS[each["event"]], each, conversation_id, change.audience_version, caller)
    return change.result


def conversation_of(message_id: str) -> str:
    """Return the id of a message's conversation, for `commit`. Raises 404 message_not_found.

    It says nothing of who may see the message: the write itself checks that.
    """
    return _conversation_of(cast(Storage, storage._get_current_object()), message_id)  # type: ignore[attr-defined]


@lru_cache(20_000)
def _conversation_of(storage: Storage, message_id: str) -> str:
    return storage.get_message_conversation(message_id)["conversation_id"]


def commit_send(caller: Caller, conversation_id: str, draft: dict[str, Any]) -> dict[str, Any]:
    """Send a message and announce it, and return it; one that is nothing but text together with others that wait.

    Raises what `storage.send_message` raises.
    """

    def work() -> dict[str, Any]:
        return announced(MESSAGE, caller, conversation_id, storage.send_message(caller, conversation_id, draft))

    if not _is_plain(draft):
        return gate.do(Ticket(conversation_id, work))
    send = {"caller": caller, **draft}
    key = draft["client_id"] and (caller.user_id, draft["client_id"])
    return gate.do(Ticket(conversation_id, work, send, key))


def _is_plain(draft: dict[str, Any]) -> bool:
    """Whether a draft is nothing but text, which names nobody."""
    return "@[" not in draft["message"] and not any(
        value for name, value in draft.items() if name not in ("message", "client_id")
    )


def system_messages() -> bool:
    """Whether a message in the conversation tells of a change of its members or its name."""
    return bool(current_app.config["CHAT"].system_messages == "on")


def new_gate(timeout: float) -> Gate:
    """Return the gate of an app, whose tickets wait `timeout` seconds at most."""
    return Gate(_send_together, timeout)


#: The current app's gate.
gate = cast(Gate, LocalProxy(lambda: current_app.extensions["gate"]))


def _send_together(tickets: list[Ticket]) -> None:
    """Send the messages of a batch in one call, announce them in their order, and finish their tickets."""
    sends = [
        {
            "conversation_id": ticket.conversation_id,
            "user_id": ticket.send["caller"].user_id,
            "issued_at": ticket.send["caller"].issued_at,
            "message": ticket.send["message"],
            "client_id": ticket.send["client_id"],
        }
        for ticket in tickets
        if ticket.send
    ]
    try:
        outcomes = storage.send_messages(sends)
    except StorageFault:  # one of them is beyond what the function expects: the others must not suffer
        for ticket in tickets:
            _finish(ticket, ticket.work)
        return
    for ticket, outcome in zip(tickets, outcomes, strict=True):
        if outcome is None:
            _finish(ticket, ticket.work)
        elif isinstance(outcome, ChatError):
            ticket.finish(None, outcome)
        else:
            caller = ticket.send["caller"]  # type: ignore[index]
            ticket.finish(announced(MESSAGE, caller, ticket.conversation_id, outcome))


def _finish(ticket: Ticket, work: Callable[[], Any]) -> None:
    try:
        ticket.finish(work())
    except Exception as error:
        ticket.finish(None, error)
