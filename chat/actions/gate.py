"""The order of writes in this process: those of one conversation follow one another, sends that wait go together.

The database orders the writes of a conversation by a row lock. Waiting here instead keeps a busy conversation from
holding all of the pool's connections, lets its events leave in the order of their versions, and lets the sends that
wait, of whatever conversations, go to the database in one call: the fuller a call, the less each of its sends costs. A
lone send waits for nothing.
"""

from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Any

from .. import green
from ..errors import StorageUnavailable

#: Seconds after which a call that sends is late: the database is far or slow, or a lock holds the call up. Sends that
#: wait for it no longer wait; until then they make the next batch.
LATE = 0.02
#: Calls of the database that send at once, the late ones among them.
MAX_SENDING = 4
#: Sends in one call.
MAX_BATCH = 64
#: Writes that wait; beyond it they are refused before memory grows.
MAX_WAITING = 2_000

Work = Callable[[], Any]


class Ticket:
    """A write that waits for its turn: `work` does it alone; `send`, if there is one, can go together with others.

    `key` names a send that must not be in one batch with another of the same key.
    """

    __slots__ = ("conversation_id", "error", "group", "is_done", "key", "latch", "result", "send", "work")

    def __init__(self, conversation_id: str, work: Work, send: dict[str, Any] | None = None, key: Any = None) -> None:
        self.conversation_id = conversation_id
        self.work = work
        self.send = send
        self.key = key
        self.latch = Lock()
        self.group: list[Ticket] | None = None  # those that this one does, itself the first of them
        self.is_done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def finish(self, result: Any, error: BaseException | None = None) -> None:
        self.result, self.error, self.is_done = result, error, True


class Gate:
    """Admits writes: one at a time for each conversation, sends in batches. `do_batch` does the tickets of a batch.

    It counts on green threads: nothing else runs between two statements that do not wait.
    """

    def __init__(self, do_batch: Callable[[list[Ticket]], None], timeout: float) -> None:
        self._do_batch = do_batch
        self._timeout = timeout
        self._lines: dict[str, deque[Ticket]] = {}  # the tickets that wait, by conversation
        self._busy: set[str] = set()  # conversations with a write under way
        # Conversations that are not busy, by what their first ticket is.
        self._ready_sends: deque[str] = deque()
        self._ready_others: deque[str] = deque()
        self._sending = 0
        self._late: set[Ticket] = set()  # the first tickets of the calls that are late
        self._waiting = 0

    def do(self, ticket: Ticket) -> Any:
        """Do a write in its turn, and return its result or raise its error.

        Raises 503 storage_unavailable when it waits longer than the timeout, or when too many wait.
        """
        if self._waiting >= MAX_WAITING:
            raise StorageUnavailable()
        self._enqueue(ticket)
        self._admit()
        if ticket.group is None:
            self._wait(ticket)
        if ticket.group is not None:
            self._run(ticket.group)
        if ticket.error is not None:
            raise ticket.error
        return ticket.result

    def _enqueue(self, ticket: Ticket) -> None:
        line = self._lines.setdefault(ticket.conversation_id, deque())
        line.append(ticket)
        self._waiting += 1
        if len(line) == 1 and ticket.conversation_id not in self._busy:
            self._make_ready(ticket.conversation_id)

    def _wait(self, ticket: Ticket) -> None:
        """Wait until the ticket is done, or first in a group. One that waits too long is passed over."""
        ticket.latch.acquire()
        try:
            ticket.latch.acquire(timeout=self._timeout)
        except BaseException:  # this green thread is ended
            if ticket.group is not None:
                self._end(ticket.group)
            ticket.finish(None, StorageUnavailable())
            raise
        if not ticket.is_done and ticket.group is None:  # in a batch under way, perhaps: it may yet be done
            ticket.finish(None, StorageUnavailable())

    def _make_ready(self, conversation_id: str) -> None:
        """Let the first ticket of a conversation's line be admitted, if there is one."""
        line = self._line(conversation_id)
        if line:
            (self._ready_others if line[0].send is None else self._ready_sends).append(conversation_id)
        else:
            self._lines.pop(conversation_id, None)

    def _line(self, conversation_id: str) -> deque[Ticket]:
        """Return the line of a conversation, without those at its head that have waited too long."""
        line = self._lines.get(conversation_id, deque())
        while line and line[0].is_done:
            line.popleft()
            self._waiting -= 1
        return line

    def _admit(self) -> None:
        """Start every group that may start: the first of its tickets is woken, and does it."""
        while self._ready_others or (self._ready_sends and len(self._late) == self._sending < MAX_SENDING):
            if self._ready_others:
                conversation_id = self._ready_others.popleft()
                line = self._line(conversation_id)
                if line and line[0].send is None:
                    self._start([self._take(conversation_id)])
                else:
                    self._make_ready(conversation_id)
            elif batch := self._take_batch():
                self._sending += 1
                self._start(batch)

    def _start(self, group: list[Ticket]) -> None:
        group[0].group = group
        if group[0].latch.locked():
            group[0].latch.release()

    def _take(self, conversation_id: str) -> Ticket:
        self._busy.add(conversation_id)
        self._waiting -= 1
        return self._lines[conversation_id].popleft()

    def _take_batch(self) -> list[Ticket]:
        batch: list[Ticket] = []
        while self._ready_sends and len(batch) < MAX_BATCH:
            conversation_id = self._ready_sends.popleft()
            keys: set[Any] = set()
            while (
                len(batch) < MAX_BATCH
                and (line := self._line(conversation_id))
                and line[0].send is not None
                and line[0].key not in keys
            ):
                batch.append(self._take(conversation_id))
                keys |= {batch[-1].key} - {None}
            if conversation_id not in self._busy:
                self._make_ready(conversation_id)
        return batch

    def _run(self, group: list[Ticket]) -> None:
        first = group[0]
        timer = green.call_later(LATE, self._be_late, first) if first.send is not None else None
        try:
            if len(group) == 1:
                first.finish(first.work())
            else:
                self._do_batch(group)
        except Exception as error:
            for ticket in group:
                if not ticket.is_done:
                    ticket.finish(None, error)
        finally:
            if timer:
                timer.cancel()
            self._end(group)

    def _be_late(self, first: Ticket) -> None:
        self._late.add(first)
        self._admit()

    def _end(self, group: list[Ticket]) -> None:
        for ticket in group[1:]:
            if not ticket.is_done:  # the green thread that did the batch was ended
                ticket.finish(None, StorageUnavailable())
            if ticket.latch.locked():
                ticket.latch.release()
        self._sending -= group[0].send is not None
        self._late.discard(group[0])
        for conversation_id in dict.fromkeys(ticket.conversation_id for ticket in group):
            self._busy.discard(conversation_id)
            self._make_ready(conversation_id)
        self._admit()
