"""Workloads with many connections: idle ones, all leaving at once, all coming back at once."""

import asyncio
import json
import sys
from collections.abc import Sequence
from math import inf
from time import perf_counter
from typing import Any

from .drive import Caller, all_heard, drive, quantiles, summary
from .sends import own_room_callers
from .socketio import Session
from .stage import Stage

#: Seconds for the server to come to rest before its memory is read.
SETTLE = 1.5
#: Everything is over when for `QUIET` seconds nobody has waited for `CALM` seconds, or after `PATIENCE`.
QUIET, CALM, PATIENCE = 3.0, 0.1, 150.0
#: Times that a client tries to come back.
MOST_TRIES = 100


async def idle(stage: Stage, sockets: int = 2000) -> dict[str, Any]:
    """Measure what a session costs that has joined and does nothing: `per_socket` and `resident` in bytes."""
    return (await _connect_idle(stage, sockets))[0]


async def crowd(stage: Stage, sockets: int = 10000, seconds: float = 2.0) -> dict[str, Any]:
    """Send before and among many idle sockets, then close those at once while the callers go on sending."""
    callers = await own_room_callers(stage, "rest", 4, 3)
    alone = summary(stage, await drive(stage, callers, seconds))
    result, sessions = await _connect_idle(stage, sockets)
    among = summary(stage, await drive(stage, callers, seconds))
    result |= {"alone": alone, "among": among, "slower": among["answer"]["p50"] / alone["answer"]["p50"]}
    others = Bystanders(stage, callers)
    await others.begin()
    for session in sessions:
        session.close()
    await others.end()
    return result | {"close": others.waits()}


async def _connect_idle(stage: Stage, sockets: int) -> tuple[dict[str, Any], list[Session]]:
    user_ids = await stage.users(sockets + 50)
    await stage.sessions(user_ids[sockets:])  # what is made once is not counted
    await asyncio.sleep(SETTLE)
    before = stage.meter.resident()
    began = perf_counter()
    sessions = await stage.sessions(user_ids[:sockets])
    seconds = perf_counter() - began
    await asyncio.sleep(SETTLE)
    after = stage.meter.resident()
    per_socket = None if before is None or after is None else (after - before) / sockets
    return {"resident": after, "per_socket": per_socket, "joins_per_second": sockets / seconds}, sessions


async def come_back(stage: Stage, clients: int = 3000) -> dict[str, Any]:
    """Let clients connect and `join {since}` all at once, each to get three messages, while four go on sending."""
    people = await stage.users(clients)
    groups = [people[i : i + 10] for i in range(0, clients, 10)]
    rooms = await stage.conversations(groups)
    http = await stage.http()
    for group, room in zip(groups, rooms, strict=True):
        for text in ("One.", "Two.", "Three."):
            await http.post(f"/conversations/{room}/messages/create", {"user_id": group[0], "message": text}, group[0])
    others = Bystanders(stage, await own_room_callers(stage, "rest", 4, 3))
    await others.begin()
    began = perf_counter()
    back = [_return(stage, user_id, room) for group, room in zip(groups, rooms, strict=True) for user_id in group]
    tries = await asyncio.gather(*back)
    ended = perf_counter()
    await others.end()
    return {"all_back": ended - began, "tries": sum(tries) / clients, "others": others.waits(ended)}


async def flood(stage: Stage, kind: str, seconds: float = 5.0) -> dict[str, Any]:
    """Let four callers go on sending while one client floods the server with `kind`, see `bench.load.flooder`."""
    others = Bystanders(stage, await own_room_callers(stage, "rest", 4, 3))
    await others.begin()
    began = perf_counter()
    arguments = (kind, stage.target.host, str(stage.target.port), str(seconds))
    flooder = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load.flooder", *arguments, stdout=asyncio.subprocess.PIPE
    )
    cuts = int((await flooder.communicate())[0])
    ended = perf_counter()
    assert ended - began >= seconds, "the flood did not last"
    await others.end()
    return {"cuts": cuts, "others": others.waits(ended)}


async def _return(stage: Stage, user_id: str, room: str) -> int:
    """Connect, join and check that the messages came; return how many tries it took."""
    for tries in range(1, MOST_TRIES + 1):
        try:
            session = await stage.connect(user_id)
            answer = await session.join(since={room: 1}, limit=50)
        except (ConnectionError, RuntimeError):
            await asyncio.sleep(0.5)
            continue
        (joined,) = json.loads(answer)
        assert any(each["id"] == room and each["messages"] for each in joined["conversations"]), answer[:300]
        return tries
    raise RuntimeError("a client could not return")


class Bystanders:
    """Callers that go on sending, one message after the other, while something else happens to the server."""

    def __init__(self, stage: Stage, callers: Sequence[Caller]) -> None:
        self._stage = stage
        self._callers = callers
        self._ends = perf_counter() + PATIENCE
        #: When each caller began the send that is under way.
        self._began: dict[int, float] = {}
        #: Of every send: when it was answered, seconds that it took.
        self._answers: list[tuple[float, float]] = []

    async def begin(self, seconds: float = 1.0) -> None:
        """Let them send for a while; what happens after that is what they are measured by."""
        self._tasks = [asyncio.create_task(self._call(i, caller)) for i, caller in enumerate(self._callers)]
        await asyncio.sleep(seconds)
        self._answers.clear()

    async def end(self) -> None:
        """Wait until nobody has waited for long for some seconds, then let them end. Raises what a send met."""
        calm_since = perf_counter()
        while (now := perf_counter()) < min(self._ends, calm_since + QUIET):
            await asyncio.sleep(0.05)
            recent = [took for at, took in self._answers if at >= now - 0.2]
            if max(recent, default=CALM) >= CALM or now - min(self._began.values()) >= CALM:
                calm_since = now
        self._ends = 0
        await asyncio.gather(*self._tasks)
        await all_heard(self._stage)

    def waits(self, until: float = inf) -> dict[str, Any]:
        """Return how long the sends took, in milliseconds, that were begun before `until`."""
        return quantiles([took for at, took in self._answers if at - took < until])

    async def _call(self, number: int, caller: Caller) -> None:
        while (began := perf_counter()) < self._ends:
            self._began[number] = began
            _, text = self._stage.ledger.begin(began, caller.listeners)
            await caller.send(text)
            now = perf_counter()
            self._answers.append((now, now - began))
            await asyncio.sleep(0.01)
