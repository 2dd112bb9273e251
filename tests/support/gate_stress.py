"""Drives the gate of writes under eventlet's patch with random writes, delays, errors, timeouts and killed threads.

    python -m tests.support.gate_stress SEED

Ends with an `AssertionError` when two writes of one conversation overlap, when sends leave in another order than they
came, or when something is left over at the end.
"""

import sys

import eventlet

eventlet.monkey_patch()

import random
from collections import Counter, defaultdict
from typing import Any

from chat.actions.gate import LATE, MAX_BATCH, MAX_SENDING, Gate, Ticket
from chat.errors import ChatError, StorageUnavailable

CONVERSATIONS = [f"conversation {number}" for number in range(6)]
WRITES = 1500


class World:
    """What happens behind the gate: writes that take a while, some of which fail."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.gate = Gate(self.do_batch, timeout=0.05)
        self.under_way: Counter[str] = Counter()
        self.sending = self.most_sending = 0
        self.done: defaultdict[str, list[int]] = defaultdict(list)
        self.outcomes: Counter[str] = Counter()
        self.batches: list[int] = []

    def do_batch(self, tickets: list[Ticket]) -> None:
        assert 1 < len(tickets) <= MAX_BATCH
        keys = [(ticket.conversation_id, ticket.key) for ticket in tickets if ticket.key is not None]
        assert len(keys) == len(set(keys))
        self.batches.append(len(tickets))
        conversations = {ticket.conversation_id for ticket in tickets}
        self.begin(conversations, True)
        try:
            eventlet.sleep(self.a_while())
            if self.random.random() < 0.05:
                raise StorageUnavailable()
            for ticket in tickets:
                assert ticket.send
                self.done[ticket.conversation_id].append(ticket.send["number"])
                ticket.finish(ticket.send["number"])
        finally:
            self.end(conversations, True)

    def work(self, conversation_id: str, number: int, is_send: bool) -> int:
        self.begin({conversation_id}, is_send)
        try:
            eventlet.sleep(self.a_while())
            if self.random.random() < 0.1:
                raise ChatError(404, "conversation_not_found")
            self.done[conversation_id].append(number)
            return number
        finally:
            self.end({conversation_id}, is_send)

    def a_while(self) -> float:
        """Return seconds: now and then too many."""
        return self.random.uniform(LATE, 2 * LATE) if self.random.random() < 0.03 else self.random.uniform(0, 0.004)

    def begin(self, conversations: set[str], is_send: bool) -> None:
        self.under_way.update(conversations)
        self.sending += is_send
        assert self.sending <= MAX_SENDING
        self.most_sending = max(self.most_sending, self.sending)
        assert max(self.under_way.values()) == 1, "two writes of one conversation at once"

    def end(self, conversations: set[str], is_send: bool) -> None:
        self.under_way.subtract(conversations)
        self.sending -= is_send

    def write(self, number: int) -> None:
        conversation_id = self.random.choice(CONVERSATIONS)
        is_send = self.random.random() < 0.8
        key: Any = self.random.choice([None, "a", "b"])

        def work() -> int:
            return self.work(conversation_id, number, is_send)

        ticket = Ticket(conversation_id, work, {"number": number}, key) if is_send else Ticket(conversation_id, work)
        try:
            assert self.gate.do(ticket) == number
            self.outcomes["done"] += 1
        except ChatError as error:
            self.outcomes[error.code] += 1


def main(seed: int) -> None:
    world = World(seed)
    threads = []
    for number in range(WRITES):
        threads.append(eventlet.spawn(world.write, number))
        if world.random.random() < 0.05:
            world.random.choice(threads).kill()
        if world.random.random() < 0.3:
            eventlet.sleep(world.random.uniform(0, 0.01))
    eventlet.sleep(1)
    assert all(thread.dead for thread in threads)
    assert not world.gate._lines, "a line is left"
    assert not world.gate._busy, "a conversation is left busy"
    assert world.gate._waiting == world.gate._sending == len(world.gate._late) == 0
    for numbers in world.done.values():
        assert numbers == sorted(numbers), "a write overtook another"
        assert len(numbers) == len(set(numbers)), "a write was done twice"
    print(dict(world.outcomes), "batches:", len(world.batches), "largest:", max(world.batches))
    assert world.outcomes["done"] > WRITES / 2
    assert max(world.batches) > 2
    assert world.most_sending > 1, "what came after a late call waited for it"


if __name__ == "__main__":
    main(int(sys.argv[1]))
