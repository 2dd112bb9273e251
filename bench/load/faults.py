"""Workloads in which something fails: clients that do not read, a database that does not answer."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Any

from .drive import Caller, RestCaller, drive, quantiles, summary
from .sends import own_room_callers
from .socketio import Session
from .stage import Stage

#: Characters of a message that is as long as it may be: what fills a client's buffers in seconds.
LONG = 9_000
#: Bytes that the system of a client that does not read receives for it.
RECEIVE_BUFFER = 16 << 10
#: Extra sockets of one user, which are members of the room that it hears.
SESSIONS = 2
#: Seconds over which the rate after an outage is counted, and the part of the rate before that is full speed.
WINDOW, FULL = 0.25, 0.9


class LongTexts:
    """A caller whose messages are long."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.listeners = caller.listeners

    async def send(self, text: str) -> None:
        await self._caller.send(text.ljust(LONG, "."))


async def stalled(stage: Stage, readers: int = 100, rate: float = 500, seconds: float = 40.0) -> dict[str, Any]:
    """Send at a rate into rooms in which `readers` more sockets listen, and again when those do not read any longer."""
    callers = await own_room_callers(stage, "rest", readers // (3 * SESSIONS) + 1, 3)
    people = [session.user_id for caller in callers for session in caller.listeners]
    extra = [await _silent(stage, user_id) for user_id in (people * SESSIONS)[:readers]]
    long = [LongTexts(each) for each in callers]
    async with peak(stage) as usual:
        read = summary(stage, await drive(stage, long, seconds / 4, rate))
    for each in extra:
        each.pause()
    async with peak(stage) as most:
        unread = summary(stage, await drive(stage, long, seconds, rate))
    return {
        "read": read,
        "unread": unread,
        "slower": unread["answer"]["p50"] / read["answer"]["p50"],
        "dearer": (unread["cpu"]["server"] or inf) / (read["cpu"]["server"] or inf),
        "resident": most.resident,
        "grown": most.resident - usual.resident,
        "closed": sum(each.is_lost for each in extra),
    }


async def _silent(stage: Stage, user_id: str) -> Session:
    """Return a session that has joined, and whose messages nobody counts."""
    session = await stage.connect(user_id, RECEIVE_BUFFER)
    session.hear = None
    await session.join()
    return session


@dataclass
class Attempts:
    """What callers met: answers as (when, seconds), refusals likewise."""

    answers: list[tuple[float, float]] = field(default_factory=list)
    refusals: list[tuple[float, float]] = field(default_factory=list)

    def rate(self, since: float, until: float) -> float:
        return sum(since <= at < until for at, _ in self.answers) / (until - since)


async def outage(stage: Stage, callers: int = 200, seconds: float = 15.0, usual: float = 4.0) -> dict[str, Any]:
    """Let many callers send while the database stands still for `seconds`; who is refused comes back a second later."""
    people = await stage.users(2 * callers)
    groups = [people[i : i + 2] for i in range(0, len(people), 2)]
    rooms = await stage.conversations(groups)
    sending = [RestCaller(await stage.http(), group[0], room, []) for group, room in zip(groups, rooms, strict=True)]
    attempts, stop = Attempts(), asyncio.Event()
    tasks = [asyncio.create_task(_persist(each, attempts, stop)) for each in sending]
    await asyncio.sleep(1)
    began = perf_counter()
    await asyncio.sleep(usual)
    before = attempts.rate(began, perf_counter())
    at_rest = stage.meter.resident() or 0
    assert stage.database_pid, "only a database that runs here can be stopped"
    frozen = freeze(stage.database_pid)
    try:
        async with peak(stage) as most:
            await asyncio.sleep(seconds)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    back = perf_counter()
    await asyncio.sleep(usual)
    stop.set()
    await asyncio.gather(*tasks)
    return {
        "rate": before,
        "recovered": _recovered(attempts, back, back + usual, before * FULL),
        "after": attempts.rate(back + 1, back + usual),
        "refused": len(attempts.refusals),
        "refusal": quantiles([took for _, took in attempts.refusals]),
        "resident": most.resident,
        "grown": most.resident - at_rest,
    }


async def _persist(caller: RestCaller, attempts: Attempts, stop: asyncio.Event) -> None:
    while not stop.is_set():
        began = perf_counter()
        try:
            await caller.send("Is the kettle on?")
        except RuntimeError as error:
            if "503" not in str(error) or "retry-after" not in str(error):
                raise
            attempts.refusals.append((perf_counter(), perf_counter() - began))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1)
        else:
            attempts.answers.append((perf_counter(), perf_counter() - began))


def _recovered(attempts: Attempts, since: float, until: float, rate: float) -> float:
    """Return the seconds from `since` to the end of the first window in which this rate is reached."""
    at = since
    while at + WINDOW <= until:
        if attempts.rate(at, at + WINDOW) >= rate:
            return at + WINDOW - since
        at += 0.05
    return inf


@dataclass
class Peak:
    """The most memory that the server had."""

    resident: int = 0


@asynccontextmanager
async def peak(stage: Stage) -> AsyncIterator[Peak]:
    """Watch the server's memory while the block runs."""
    found = Peak()

    async def watch() -> None:
        while True:
            found.resident = max(found.resident, stage.meter.resident() or 0)
            await asyncio.sleep(0.1)

    task = asyncio.create_task(watch())
    try:
        yield found
    finally:
        task.cancel()


def freeze(postmaster: int) -> Sequence[int]:
    """Stop all processes of a PostgreSQL, named by its first, and return their ids."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    pids = [postmaster, *map(int, children)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    return pids
