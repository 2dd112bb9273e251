"""One timer for all: the deadlines of connections and the pings of sockets."""

from time import monotonic
from typing import Protocol

from .. import green

#: Seconds between two looks at the clock; a deadline may be late by as much.
TICK = 0.1
#: Deadlines that are kept in one turn of the loop, so that others have theirs.
BUDGET = 200


class Timed(Protocol):
    """What can have a deadline. `due` is when (`time.monotonic()`), 0 for none; `slot` belongs to `Timers`."""

    due: float
    slot: int

    def on_time(self, now: float) -> None:
        """The deadline has come. Called by the loop: must not wait."""


class Timers:
    """A wheel of slots. A deadline that moves back, the usual case, costs an assignment."""

    def __init__(self) -> None:
        self._slots: dict[int, set[Timed]] = {}
        self._late: list[Timed] = []
        self._started_at = monotonic()
        green.call_later(TICK, self._tick)

    def at(self, timed: Timed, due: float) -> None:
        """Give `timed` this deadline in place of the one it has."""
        timed.due = due
        slot = int((due - self._started_at) / TICK) + 1
        if timed.slot and timed.slot <= slot:
            return  # it is looked at before, and moved on then
        if timed.slot:
            self._remove(timed)
        timed.slot = slot
        self._slots.setdefault(slot, set()).add(timed)

    def cancel(self, timed: Timed) -> None:
        """Forget `timed`."""
        timed.due = 0
        if timed.slot:
            self._remove(timed)

    def _remove(self, timed: Timed) -> None:
        members = self._slots.get(timed.slot)
        if members:
            members.discard(timed)
            if not members:
                del self._slots[timed.slot]
        timed.slot = 0

    def _tick(self) -> None:
        now = monotonic()
        current = int((now - self._started_at) / TICK)
        for slot in [slot for slot in self._slots if slot <= current]:
            self._late.extend(self._slots.pop(slot))
        for _ in range(min(BUDGET, len(self._late))):
            self._look_at(self._late.pop(), now)
        green.call_later(0 if self._late else TICK, self._tick)

    def _look_at(self, timed: Timed, now: float) -> None:
        timed.slot = 0
        if timed.due > now:
            self.at(timed, timed.due)
        elif timed.due:
            timed.due = 0
            timed.on_time(now)
