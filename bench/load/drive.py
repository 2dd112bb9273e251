"""Callers that send messages, closed loop (the next when the last is answered) or open loop (at a fixed rate)."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from time import perf_counter
from typing import Any, Protocol

from .http import HttpCaller
from .meter import Usage
from .socketio import Session
from .stage import Stage

#: Seconds before the measurement, in which code is warmed up and connections to the database are made.
WARM_UP = 0.5
#: Seconds to wait for what has not been heard when everything was answered.
LAST_DELIVERIES = 20


class Caller(Protocol):
    """Somebody who sends into one conversation, and the sessions that must hear it."""

    listeners: list[Session]

    async def send(self, text: str) -> None:
        """Send a message and wait for its answer. Raises when it is an error."""


@dataclass
class RestCaller:
    """Sends with `POST …/messages/create` on a connection of its own."""

    http: HttpCaller
    user_id: str
    conversation_id: str
    listeners: list[Session]

    async def send(self, text: str) -> None:
        path = f"/conversations/{self.conversation_id}/messages/create"
        await self.http.post(path, {"user_id": self.user_id, "message": text}, self.user_id)


@dataclass
class SocketCaller:
    """Sends with `sendMessage` on its session."""

    session: Session
    conversation_id: str
    listeners: list[Session]

    async def send(self, text: str) -> None:
        await self.session.call("sendMessage", {"conversation_id": self.conversation_id, "message": text})


@dataclass
class Run:
    """What happened between two moments (`perf_counter`): answers as (when, seconds since the send began), and CPU."""

    begins: float
    ends: float
    answers: list[tuple[float, float]] = field(default_factory=list)
    usage: Usage | None = None


async def drive(stage: Stage, callers: Sequence[Caller], seconds: float, rate: float | None = None) -> Run:
    """Let the callers send for `seconds`, at `rate` sends a second together if it is given; wait for all deliveries."""
    begins = perf_counter() + WARM_UP
    run = Run(begins, begins + seconds)
    schedule = _open_loop(rate) if rate else _closed_loop()
    tasks = [asyncio.create_task(_call(stage, caller, schedule, run)) for caller in callers]
    try:
        await asyncio.sleep(begins - perf_counter())
        before = stage.meter.usage()
        await asyncio.sleep(run.ends - perf_counter())
        run.usage = stage.meter.usage().since(before)
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    await all_heard(stage)
    return run


async def all_heard(stage: Stage) -> None:
    """Wait for the deliveries that are outstanding, a while at most."""
    deadline = perf_counter() + LAST_DELIVERIES
    while stage.ledger.missing and perf_counter() < deadline:
        await asyncio.sleep(0.02)


async def _call(stage: Stage, caller: Caller, schedule: Iterator[float], run: Run) -> None:
    for due in schedule:
        if due >= run.ends:
            return
        if (ahead := due - perf_counter()) > 0:
            await asyncio.sleep(ahead)
            due = perf_counter()  # the generator's own timer is not counted; waiting for a free caller is
        _, text = stage.ledger.begin(due, caller.listeners)
        await caller.send(text)
        now = perf_counter()
        run.answers.append((now, now - due))


def _closed_loop() -> Iterator[float]:
    while True:
        yield perf_counter()


def _open_loop(rate: float) -> Iterator[float]:
    start, sent = perf_counter(), 0
    while True:
        yield start + sent / rate
        sent += 1


def summary(stage: Stage, run: Run) -> dict[str, Any]:
    """Return what a run of sends came to: times in milliseconds, CPU in microseconds a send, memory in bytes.

    `load` and `others` are the parts of a core that this generator took, and programs that have no part in it.
    """
    answers = _within(run, run.answers)
    seconds, count = run.ends - run.begins, max(len(answers), 1)
    assert run.usage
    return {
        "rate": len(answers) / seconds,
        "answer": quantiles(answers),
        "delivery": quantiles(_within(run, stage.ledger.deliveries)),
        "cpu": run.usage.per_send(count),
        "load": run.usage.load / seconds,
        "others": run.usage.others / seconds,
        "resident": stage.meter.resident(),
    }


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Return median, 99th percentile and maximum in milliseconds; nothing for no values."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    picks = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: ordered[ceil(len(ordered) * part) - 1] * 1000 for name, part in picks.items()}


def _within(run: Run, timed: list[tuple[float, float]]) -> list[float]:
    return [seconds for at, seconds in timed if run.begins <= at < run.ends]
