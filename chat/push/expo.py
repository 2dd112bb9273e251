"""Expo's push service, for apps made with React Native: https://docs.expo.dev/push-notifications/sending-notifications/"""

import logging
from typing import Any

from ..config import Config
from ..storage import PushTarget
from .http import Answer, post_json
from .notes import Note
from .outcomes import Outcome, PushFailed, Sent, outcome_of

log = logging.getLogger(__name__)

SEND_URL = "https://exp.host/--/api/v2/push/send"
RECEIPTS_URL = "https://exp.host/--/api/v2/push/getReceipts"
#: Notifications in one request, at most.
BATCH = 100

#: What an error of one notification means; any other is refused.
ERRORS = {"DeviceNotRegistered": Outcome.DEAD, "MessageRateExceeded": Outcome.LATER}


class Expo:
    """Sends to devices with Expo's tokens."""

    def __init__(self, config: Config) -> None:
        self._headers = {"accept": "application/json"}
        if config.expo_access_token:
            self._headers["authorization"] = f"Bearer {config.expo_access_token}"

    def send(self, targets: list[PushTarget], note: Note) -> Sent:
        """Send to up to BATCH devices. Raises `PushFailed` when the service does not answer, or asks to wait."""
        body = {"body": note.body} if note.body is not None else {}
        messages = [
            {
                "to": each["token"],
                "title": note.title,
                "data": note.data,
                "priority": "high",
                "sound": "default",
                "channelId": "default",
                **body,
            }
            for each in targets
        ]
        answer = post_json(SEND_URL, messages, self._headers)
        tickets = answer.json().get("data")
        sent = Sent()
        if not isinstance(tickets, list) or len(tickets) != len(targets):
            return Sent(dict.fromkeys((each["token"] for each in targets), _outcome(answer)))
        for target, ticket in zip(targets, tickets, strict=True):
            sent.outcomes[target["token"]] = _outcome_of(ticket)
            if ticket.get("status") == "ok" and ticket.get("id"):
                sent.tickets[ticket["id"]] = target["token"]
        return sent

    def dead(self, tickets: dict[str, str]) -> list[str]:
        """Return those of some tickets' tokens whose receipts say that the app is gone. Raises `PushFailed`."""
        answer = post_json(RECEIPTS_URL, {"ids": list(tickets)}, self._headers)
        receipts = answer.json().get("data")
        if not isinstance(receipts, dict):
            if outcome_of(answer.status) is Outcome.REFUSED:
                log.error("Expo gives no receipts: %d %s", answer.status, _reason(answer))
                return []
            raise PushFailed(f"Expo answered {answer.status}")
        return [tickets[id] for id, each in receipts.items() if id in tickets and _outcome_of(each) is Outcome.DEAD]


def _outcome(answer: Answer) -> Outcome:
    """Return what an answer says that has no ticket for each notification. Raises `PushFailed` for `later`."""
    outcome = outcome_of(answer.status)
    if outcome is Outcome.REFUSED:
        log.error("Expo refuses notifications: %d %s", answer.status, _reason(answer))
        return outcome
    raise PushFailed(f"Expo answered {answer.status}")


def _outcome_of(ticket: dict[str, Any]) -> Outcome:
    if ticket.get("status") == "ok":
        return Outcome.SENT
    error = str((ticket.get("details") or {}).get("error"))
    outcome = ERRORS.get(error, Outcome.REFUSED)
    if outcome is Outcome.REFUSED:
        log.error("Expo refuses a notification: %s %s", error, ticket.get("message"))
    return outcome


def _reason(answer: Answer) -> str:
    return answer.body[:300].decode(errors="replace")
