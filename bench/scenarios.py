"""What is measured: each scenario is a workload on several servers, and the rows of the table that come out of it."""

from dataclasses import dataclass, field
from typing import Any

OURS = "chat"
NODE = "node"
ASYNCIO = "asyncio"
TUTORIAL = "tutorial"

#: A bound: "≥" or "≤", and a number.
Bound = tuple[str, float]


@dataclass(frozen=True)
class Row:
    """A row of the table: one figure of the scenario's result, named by its path in it.

    With `against` the bounds hold for the ratio of ours to that peer's, without for our figure.
    """

    label: str
    figure: str
    unit: str
    against: str | None = NODE
    must: Bound | None = None
    goal: Bound | None = None
    #: What the figure is divided by to be in `unit`: figures are in bytes, seconds, milliseconds, microseconds of CPU.
    divisor: float = 1


@dataclass(frozen=True)
class Scenario:
    """A workload (see `bench.load`), its options, the servers that it runs on in turn, and how often."""

    name: str
    workload: str
    options: dict[str, Any]
    rows: tuple[Row, ...]
    servers: tuple[str, ...] = (NODE, OURS)
    mode: str = "open"
    #: Whether each run gets a server that has just been started.
    fresh: bool = False
    rounds: int = 3
    #: Settings of our server besides those of `servers.UNLIMITED`.
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Curve:
    """A workload with one option changed from run to run, for the plots."""

    name: str
    workload: str
    option: str
    values: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)
    servers: tuple[str, ...] = (NODE, ASYNCIO, OURS)
    fresh: bool = False


SCENARIOS = (
    Scenario(
        "rest",
        "sends",
        {"way": "rest"},
        (
            Row("REST, 32 callers, 3 recipients each", "rate", "sends/s", NODE, ("≥", 1.0), ("≥", 1.3)),
            Row("the same, to the tutorial's way", "rate", "sends/s", TUTORIAL),
        ),
        (NODE, OURS, ASYNCIO, TUTORIAL),
    ),
    Scenario(
        "socket",
        "sends",
        {"way": "socket"},
        (
            Row("sendMessage, 32 in flight", "rate", "sends/s", NODE, ("≥", 1.0), ("≥", 1.1)),
            Row("  server + PostgreSQL, CPU a send", "cpu.total", "µs", NODE, ("≤", 1.0), ("≤", 0.85)),
        ),
        (NODE, OURS, ASYNCIO),
    ),
    Scenario(
        "room",
        "sends",
        {"way": "socket", "one_room": True},
        (Row("32 senders in one room of 35", "rate", "sends/s", NODE, ("≥", 1.3), ("≥", 2.0)),),
        (NODE, OURS, ASYNCIO),
    ),
    Scenario(
        "single-rest",
        "sends",
        {"way": "rest", "callers": 1},
        (Row("one caller, REST: answer, p50", "answer.p50", "ms", NODE, ("≤", 1.3), ("≤", 1.1)),),
        (NODE, OURS, ASYNCIO, TUTORIAL),
    ),
    Scenario(
        "single-socket",
        "sends",
        {"way": "socket", "callers": 1},
        (Row("one caller, socket: answer, p50", "answer.p50", "ms", NODE, ("≤", 1.3), ("≤", 1.1)),),
        (NODE, OURS, ASYNCIO),
    ),
    Scenario(
        "open-loop",
        "sends",
        {"way": "rest", "callers": 64, "rate": 500},
        (Row("500 REST sends/s offered: delivery, p99", "delivery.p99", "ms"),),
    ),
    Scenario(
        "fanout",
        "fanout",
        {},
        (
            Row("one send to 1,000 connected: CPU", "cpu.total", "ms", NODE, ("≤", 0.9), ("≤", 0.75), 1000),
            Row("  the last one has it, p50", "last.p50", "ms", NODE, ("≤", 1.2), ("≤", 1.0)),
        ),
        (NODE, OURS, ASYNCIO),
    ),
    Scenario(
        "idle",
        "idle",
        {"sockets": 2000},
        (Row("an idle WebSocket after join (ours: token)", "per_socket", "KiB", None, ("≤", 20), ("≤", 12), 1024),),
        (NODE, OURS, ASYNCIO),
        mode="token",
        fresh=True,
    ),
    Scenario(
        "crowd",
        "crowd",
        {"sockets": 10000},
        (
            Row("10,000 idle sockets: RSS", "resident", "MB", None, ("≤", 300), ("≤", 200), 1e6),
            Row("  a send among them to one without, p50", "slower", "×", None, ("≤", 1.2)),
            Row("10,000 sockets close: longest wait", "close.max", "ms", None, ("≤", 500), ("≤", 100)),
        ),
        fresh=True,
        rounds=1,
    ),
    Scenario(
        "return",
        "return",
        {"clients": 3000},
        (
            Row("3,000 return, join {since}: all back", "all_back", "s", None, ("≤", 15)),
            Row("  sends of others meanwhile, p99", "others.p99", "ms", None, ("≤", 500), ("≤", 200)),
        ),
        fresh=True,
        rounds=1,
    ),
    *(
        Scenario(
            f"flood-{kind}",
            "flood",
            {"kind": kind},
            (
                Row(f"one client floods with {kind}: others' sends, p99", "others.p99", "ms", None, ("≤", 100)),
                Row("  longest", "others.max", "ms", None),
            ),
            rounds=1,
        )
        for kind in ("pongs", "requests", "events")
    ),
    Scenario(
        "stalled",
        "stalled",
        {},
        (
            Row("100 stalled readers, 500 long sends/s: RSS", "resident", "MB", None, ("≤", 150), divisor=1e6),
            Row("  answer p50 to that with readers who read", "slower", "×", None, ("≤", 1.1)),
            Row("  server CPU a send likewise", "dearer", "×", None, ("≤", 1.1)),
        ),
        (OURS,),
        fresh=True,
        rounds=1,
    ),
    Scenario(
        "outage",
        "outage",
        {},
        (
            Row("200 callers, pool of 2, PostgreSQL stands 15 s: full speed after", "recovered", "s", None, ("≤", 1)),
            Row("  RSS grows meanwhile by", "grown", "MB", None, ("≤", 50), divisor=1e6),
            Row("  503 comes after, longest", "refusal.max", "s", None, ("≤", 12), divisor=1000),
        ),
        (OURS,),
        fresh=True,
        rounds=1,
        settings={"STORAGE_POOL_SIZE": "2"},
    ),
    Scenario(
        "api",
        "sends",
        {"way": "rest"},
        (Row("through Supabase's API: server CPU a send", "cpu.server", "µs", None, ("≤", 1000), ("≤", 500)),),
        ("api",),
    ),
    Scenario(
        "start",
        "startup",
        {},
        (
            Row("start to serving, second start", "serving", "s", None, ("≤", 0.5)),
            Row("  RSS idle", "resident", "MB", None, ("≤", 80), divisor=1e6),
        ),
        (OURS,),
    ),
)

CALLERS = (1, 2, 4, 8, 16, 32, 64, 128)
CURVES = (
    Curve("callers-rest", "sends", "callers", CALLERS, {"way": "rest"}),
    Curve("callers-socket", "sends", "callers", CALLERS, {"way": "socket"}),
    Curve("members", "fanout", "members", (10, 30, 100, 300, 1000), {"times": 40}),
    Curve("sockets", "idle", "sockets", (1000, 2500, 5000, 10000), fresh=True),
)
