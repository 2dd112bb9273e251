"""What becomes of a notification."""

from dataclasses import dataclass, field
from enum import Enum


class PushFailed(Exception):
    """A service does not answer, or asks to come back later."""


class Outcome(Enum):
    """What a service says of one device."""

    SENT = "sent"
    #: The app is no longer there: the device is forgotten.
    DEAD = "dead"
    #: It will not take this one, however often it is asked: a setting is wrong, or the notification.
    REFUSED = "refused"
    #: It cannot take it now.
    LATER = "later"


@dataclass
class Sent:
    """What services say of some devices, by token. `tickets`: of what Expo knows more later, with their tokens."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    tickets: dict[str, str] = field(default_factory=dict)

    def tokens(self, outcome: Outcome) -> list[str]:
        return [token for token, each in self.outcomes.items() if each is outcome]


def outcome_of(status: int) -> Outcome:
    """Return what an HTTP status says, where the service gives no other reason."""
    if 200 <= status < 300:
        return Outcome.SENT
    return Outcome.LATER if status in (408, 425, 429) or status >= 500 else Outcome.REFUSED
