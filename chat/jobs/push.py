"""Brings messages to the devices of members who are away.

At least once: who has been reached is not tried again, but when a process dies in the middle of a page, all of that
page are. Devices show one notification for each message however often it comes.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import current_app

from ..actions.jobs import add_job
from ..push import Outcome, PushFailed, make_note, push
from ..storage import PushTargets, storage

#: Members that one run looks at.
PAGE = 200
#: Tries of what no service takes: 2, 4, 8, … seconds apart, a little over an hour altogether.
ATTEMPTS = 12
#: Seconds before the first of those.
PAUSE = 3
#: Seconds after which Expo knows what became of a notification.
RECEIPTS_AFTER = 15 * 60
#: Receipts that are asked for at once.
RECEIPTS = 300


def push_message(payload: dict[str, Any]) -> None:
    """Push a message to a page of members; the next page, and what no service takes now, are other jobs."""
    message_id, after = payload["message_id"], payload.get("after")
    page = {"after": after} if after else {}
    found = storage.list_push_targets(message_id, {"services": push.services, "limit": PAGE, **page})
    if found["next"]:
        rest = {"message_id": message_id, "after": found["next"]}
        add_job("push_message", rest, f"push_message {message_id} {found['next']}")
    _try_later(message_id, _push(found))


def push_devices(payload: dict[str, Any]) -> None:
    """Push a message to some devices again. Raises `PushFailed` when none could be reached: the job then runs again."""
    message_id, tokens = payload["message_id"], payload["tokens"]
    query = {"services": push.services, "limit": len(tokens), "tokens": tokens}
    found = storage.list_push_targets(message_id, query)
    left = _push(found)
    if left and len(left) == len(found["targets"]):
        raise PushFailed(f"{len(left)} devices could not be reached")
    _try_later(message_id, left)


def check_push_receipts(payload: dict[str, Any]) -> None:
    """Forget the devices of which Expo has learned that the app is gone. Raises `PushFailed`."""
    if "expo" not in push.services:
        return
    registered = payload["registered"]
    dead = push.expo.dead(payload["tickets"])
    if dead:
        storage.forget_devices({token: registered[token] for token in dead})


def _push(found: PushTargets) -> list[str]:
    """Push to the devices that were found, forget those that are gone, and return those to try later."""
    if not found["note"] or not found["targets"]:
        return []
    note = make_note(found["note"], with_text=current_app.config["CHAT"].push_text == "on")
    sent = push.send(found["targets"], note)
    registered = {each["token"]: each["registered_at"] for each in found["targets"]}
    if dead := sent.tokens(Outcome.DEAD):
        storage.forget_devices({token: registered[token] for token in dead})
    tickets = list(sent.tickets.items())
    for start in range(0, len(tickets), RECEIPTS):
        some = dict(tickets[start : start + RECEIPTS])
        kept = {"tickets": some, "registered": {token: registered[token] for token in some.values()}}
        add_job("check_push_receipts", kept, run_at=_in(RECEIPTS_AFTER))
    return sent.tokens(Outcome.LATER)


def _try_later(message_id: str, tokens: list[str]) -> None:
    if tokens:
        add_job("push_devices", {"message_id": message_id, "tokens": tokens}, run_at=_in(PAUSE))


def _in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
