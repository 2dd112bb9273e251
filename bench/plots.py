"""Draw the curves of a results file as SVG files: throughput and latency over callers, fan-out, memory.

python -m bench.plots RESULTS.json docs/performance
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from .table import figure

COLOURS = {"chat": "#c2410c", "node": "#15803d", "asyncio": "#1d4ed8"}
NAMES = {"chat": "this server", "node": "Node", "asyncio": "asyncio"}

Points = Sequence[tuple[int, dict[str, Any]]]
Curves = dict[str, dict[str, Points]]


def main(results: str, directory: str) -> None:
    curves: Curves = json.loads(Path(results).read_text(encoding="utf-8"))["curves"]
    mpl.rcParams.update({"svg.hashsalt": "chat", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    for name, draw in PLOTS.items():
        if needed := NEEDED[name] - set(curves):
            print(f"{name}: not measured: {', '.join(sorted(needed))}", file=sys.stderr)
            continue
        Path(directory).mkdir(parents=True, exist_ok=True)
        pyplot.close("all")
        draw(curves)
        pyplot.tight_layout()
        pyplot.savefig(Path(directory) / f"{name}.svg", metadata={"Date": None})


def throughput(curves: Curves) -> None:
    """Sends a second over callers, by REST and by socket."""
    _, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4), sharey=True)
    _lines(left, curves["callers-rest"], "rate")
    _lines(right, curves["callers-socket"], "rate")
    _label(left, "REST", "callers, each with one send in flight", "sends a second", log_x=True)
    _label(right, "sendMessage", "callers, each with one send in flight", "", log_x=True)


def latency(curves: Curves) -> None:
    """Median (line) and 99th percentile (dashed) of send → delivery over callers."""
    _, axes = pyplot.subplots(1, 2, figsize=(9, 3.4), sharey=True)
    for axis, name, title in zip(axes, ("callers-rest", "callers-socket"), ("REST", "sendMessage"), strict=True):
        _lines(axis, curves[name], "delivery.p50")
        _lines(axis, curves[name], "delivery.p99", style="--", name=False)
        _label(axis, title, "callers, each with one send in flight", "", log_x=True, log_y=True)
    axes[0].set_ylabel("send → delivery, ms: p50, p99 dashed")


def fanout(curves: Curves) -> None:
    """CPU of one send, and when the last member has it, over the connected members."""
    _, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4))
    _lines(left, curves["members"], "cpu.total", 1000)
    _lines(right, curves["members"], "last.p50")
    _label(left, "CPU of one send", "connected members", "server + PostgreSQL, ms", log_x=True, log_y=True)
    _label(right, "The last one has it", "connected members", "ms, p50", log_x=True, log_y=True)


def memory(curves: Curves) -> None:
    """RSS of the server over idle sockets."""
    _, axis = pyplot.subplots(figsize=(5, 3.4))
    _lines(axis, curves["sockets"], "resident", 1e6)
    _label(axis, "Memory", "idle WebSockets after join", "RSS of the server, MB")


PLOTS: dict[str, Callable[[Curves], None]] = {
    "throughput": throughput,
    "latency": latency,
    "fanout": fanout,
    "memory": memory,
}
NEEDED = {
    "throughput": {"callers-rest", "callers-socket"},
    "latency": {"callers-rest", "callers-socket"},
    "fanout": {"members"},
    "memory": {"sockets"},
}


def _lines(
    axis: Axes, servers: dict[str, Points], path: str, divisor: float = 1, style: str = "-", name: bool = True
) -> None:
    for server, points in servers.items():
        drawn = [(value, at) for value, result in points if (at := figure([result], path, divisor)) is not None]
        label = NAMES[server] if name else None
        axis.plot(*zip(*drawn, strict=True), style, marker="o", ms=3, color=COLOURS[server], label=label)


def _label(axis: Axes, title: str, x: str, y: str, log_x: bool = False, log_y: bool = False) -> None:
    axis.set(title=title, xlabel=x, ylabel=y)
    if log_x:
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter("{x:g}")
    if log_y:
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(NullFormatter())
    else:
        axis.set_ylim(bottom=0)
    axis.grid(alpha=0.25)
    axis.legend(frameon=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
