"""Bursts of reactions: no version is left out, nothing is overtaken, and the events are few."""

from collections.abc import Callable
from typing import Any

import pytest

from chat.realtime import bursts
from chat.realtime.bursts import MOST, Bursts

#: What was sent: the message, the first version, the last one.
Sent = tuple[str, int, int]


class Clock:
    """Ends the second of every message whose burst has begun, when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tasks: list[Callable[[], None]] = []
        monkeypatch.setattr(bursts, "socketio", self)

    def start_background_task(self, task: Callable[..., None], *args: Any) -> None:
        self.tasks.append(lambda: task(*args))

    def sleep(self, seconds: float) -> None:
        """The test decides when it is over."""

    def tick(self) -> None:
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            task()


class Conversation:
    """Changes of one conversation, and what was sent of them."""

    def __init__(self, id: str, held: Bursts) -> None:
        self.id, self.held = id, held
        self.version = 0
        self.sent: list[Sent] = []

    def react(self, message: str, skipped: int = 0) -> None:
        """`skipped`: changes that another process made meanwhile."""
        self.version = version = self.version + skipped + 1
        self.held.offer(self.id, message, version, lambda first: self.sent.append((message, first or version, version)))

    def change(self) -> None:
        self.version += 1
        self.held.flush(self.id)
        self.sent.append(("other", self.version, self.version))

    def is_told_in_order(self) -> bool:
        return [first for _, first, _ in self.sent[1:]] == [last + 1 for *_, last in self.sent[:-1]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def talk(clock: Clock) -> Conversation:
    return Conversation("c", Bursts())


def test_a_few_are_sent_one_by_one(talk: Conversation, clock: Clock) -> None:
    for _ in range(MOST):
        talk.react("m")
    assert talk.sent == [("m", version, version) for version in range(1, MOST + 1)]
    clock.tick()
    assert len(talk.sent) == MOST


def test_the_rest_of_a_second_is_one(talk: Conversation, clock: Clock) -> None:
    for _ in range(50):
        talk.react("m")
    clock.tick()
    assert talk.sent[MOST:] == [("m", MOST + 1, 50)]
    talk.react("m")
    assert talk.sent[-1] == ("m", 51, 51)
    clock.tick()
    clock.tick()
    assert talk.is_told_in_order()
    assert clock.tasks == []
    assert not talk.held._counts
    assert not talk.held._held


def test_one_too_many_is_sent_as_itself(talk: Conversation, clock: Clock) -> None:
    for _ in range(MOST + 1):
        talk.react("m")
    clock.tick()
    assert talk.sent[-1] == ("m", MOST + 1, MOST + 1)


def test_what_follows_does_not_overtake(talk: Conversation, clock: Clock) -> None:
    for _ in range(MOST + 5):
        talk.react("m")
    talk.change()
    assert talk.sent[MOST:] == [("m", MOST + 1, MOST + 5), ("other", MOST + 6, MOST + 6)]
    for message in ("m", "m", "n", "m", "n", "n"):
        talk.react(message)
    clock.tick()
    assert talk.is_told_in_order()
    assert talk.sent[-1][2] == talk.version


def test_two_bursts_at_once_leave_no_gap(talk: Conversation, clock: Clock) -> None:
    for number in range(60):
        talk.react("mn"[number // 3 % 2])
    clock.tick()
    assert talk.is_told_in_order()
    assert talk.sent[-1][2] == 60
    assert len(talk.sent) < 60


def test_changes_of_another_process_are_not_claimed(talk: Conversation, clock: Clock) -> None:
    for _ in range(MOST + 3):
        talk.react("m")
    talk.react("m", skipped=1)
    talk.react("m")
    clock.tick()
    assert talk.sent[MOST:] == [("m", MOST + 1, MOST + 3), ("m", MOST + 5, MOST + 6)]


def test_conversations_do_not_wait_for_each_other(talk: Conversation, clock: Clock) -> None:
    other = Conversation("d", talk.held)
    for _ in range(MOST + 5):
        talk.react("m")
        other.react("n")
    other.change()
    assert len(talk.sent) == MOST
    clock.tick()
    assert talk.is_told_in_order()
    assert other.is_told_in_order()
