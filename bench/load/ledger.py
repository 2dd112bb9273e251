"""Who must hear which message, and who has: every send is heard exactly once by every session that it is meant for."""

import itertools
from collections.abc import Iterable
from time import perf_counter

from .socketio import Session

#: Stands in a message's text with the number of its send, where nothing else has this sign.
MARK = b"#"
PADDING = " Is the kettle on?" * 5


class Send:
    """One send: when it began, and which sessions have not heard it yet."""

    __slots__ = ("began", "done_at", "waiting")

    def __init__(self, began: float, listeners: set[Session]) -> None:
        self.began = began
        self.done_at: float | None = None
        self.waiting = listeners


class Ledger:
    """The sends of one run. Times are `perf_counter` seconds."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._sends: dict[int, Send] = {}
        #: Of every delivery: when it was heard, seconds since its send began.
        self.deliveries: list[tuple[float, float]] = []
        #: Messages heard twice, or by somebody whom they were not meant for.
        self.surplus = 0

    def begin(self, began: float, listeners: Iterable[Session]) -> tuple[Send, str]:
        """Note a send that these sessions must hear; return it and the text to send."""
        number = next(self._numbers)
        send = self._sends[number] = Send(began, set(listeners))
        return send, f"{MARK.decode()}{number:08d}{PADDING}"

    def hear(self, session: Session, packet: bytes) -> None:
        """Note that a session has heard a message: to be given to `Session`."""
        now = perf_counter()
        at = packet.index(MARK) + 1
        send = self._sends.get(int(packet[at : at + 8]))
        if send is None or session not in send.waiting:
            self.surplus += 1
            return
        send.waiting.discard(session)
        self.deliveries.append((now, now - send.began))
        if not send.waiting:
            send.done_at = now

    @property
    def sent(self) -> int:
        """How many sends were begun."""
        return len(self._sends)

    @property
    def missing(self) -> int:
        """How many deliveries are outstanding."""
        return sum(len(each.waiting) for each in self._sends.values())
