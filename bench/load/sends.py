"""Workloads that send: many callers at once, and one send to many members."""

import asyncio
from time import perf_counter
from typing import Any

from .drive import Caller, RestCaller, SocketCaller, all_heard, drive, quantiles, summary
from .stage import Stage


async def sends(
    stage: Stage,
    way: str = "rest",
    callers: int = 32,
    listeners: int = 3,
    one_room: bool = False,
    seconds: float = 2.0,
    rate: float | None = None,
) -> dict[str, Any]:
    """Let callers send over `way` (rest, socket), each in its own conversation or all in one, heard by others there."""
    make = one_room_callers if one_room else own_room_callers
    return summary(stage, await drive(stage, await make(stage, way, callers, listeners), seconds, rate))


async def own_room_callers(stage: Stage, way: str, count: int, listeners: int) -> list[Caller]:
    """Make callers with a conversation each, in which `listeners` members are connected."""
    people = await stage.users(count * (1 + listeners))
    groups = [people[i : i + 1 + listeners] for i in range(0, len(people), 1 + listeners)]
    rooms = await stage.conversations(groups)
    heard_by = await asyncio.gather(*(stage.sessions(group[1:]) for group in groups))
    return [
        await _caller(stage, way, group[0], room, sessions)
        for group, room, sessions in zip(groups, rooms, heard_by, strict=True)
    ]


async def one_room_callers(stage: Stage, way: str, count: int, listeners: int) -> list[Caller]:
    """Make callers in one conversation, in which `listeners` more are connected."""
    people = await stage.users(count + listeners)
    (room,) = await stage.conversations([people])
    sessions = await stage.sessions(people[count:])
    callers = [await _caller(stage, way, user_id, room, list(sessions)) for user_id in people[:count]]
    speaking = {each.session for each in callers if isinstance(each, SocketCaller)}
    for each in callers:
        if isinstance(each, SocketCaller):
            each.listeners.extend(speaking - {each.session})
    return callers


async def _caller(stage: Stage, way: str, user_id: str, room: str, listeners: list[Any]) -> Caller:
    if way == "rest":
        return RestCaller(await stage.http(), user_id, room, listeners)
    return SocketCaller(await stage.session(user_id), room, listeners)


async def fanout(stage: Stage, members: int = 1000, times: int = 15, pause: float = 0.05) -> dict[str, Any]:
    """Send to one conversation whose members are all connected, the next when the last one has heard it."""
    (caller,) = await one_room_callers(stage, "socket", 1, members - 1)
    await _send_to_all(stage, caller)  # warms up, and fills what the server keeps of the members
    await asyncio.sleep(1)
    answers, last, done = [], [], len(stage.ledger.deliveries)
    before, begins = stage.meter.usage(), perf_counter()
    for _ in range(times):
        answered, heard = await _send_to_all(stage, caller)
        answers.append(answered)
        last.append(heard)
        await asyncio.sleep(pause)
    usage, seconds = stage.meter.usage().since(before), perf_counter() - begins
    return {
        "answer": quantiles(answers),
        "last": quantiles(last),
        "delivery": quantiles([took for _, took in stage.ledger.deliveries[done:]]),
        "cpu": usage.per_send(times),
        "load": usage.load / seconds,
        "others": usage.others / seconds,
        "resident": stage.meter.resident(),
    }


async def _send_to_all(stage: Stage, caller: Caller) -> tuple[float, float]:
    """Send once; return the seconds until it was answered and until the last one had it."""
    began = perf_counter()
    send, text = stage.ledger.begin(began, caller.listeners)
    await caller.send(text)
    answered = perf_counter() - began
    await all_heard(stage)
    return answered, (send.done_at or perf_counter()) - began
