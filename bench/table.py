"""The table of results, in Markdown: medians of the rounds, and ratios of ours to the peer in the same round.

python -m bench.table RESULTS.json
"""

import json
import sys
from statistics import median
from typing import Any

from .scenarios import ASYNCIO, NODE, OURS, SCENARIOS, TUTORIAL, Bound, Row, Scenario

Results = dict[str, list[dict[str, Any]]]

SERVERS = (OURS, NODE, ASYNCIO, TUTORIAL)
HEAD = ("", "unit", *SERVERS, "ratio", "must", "goal", "", "`--only`")
#: The second table: everything else that a run of sends says.
DETAILS = {
    "sends/s": ("rate", 1),
    "answer p50 ms": ("answer.p50", 1),
    "p99": ("answer.p99", 1),
    "delivery p50 ms": ("delivery.p50", 1),
    "p99 ": ("delivery.p99", 1),
    "CPU µs a send: server": ("cpu.server", 1),
    "PostgreSQL": ("cpu.database", 1),
    "RSS MB": ("resident", 1e6),
    "generator, cores": ("load", 1),
    "other programs": ("others", 1),
}


def table(measured: dict[str, Results]) -> str:
    """Return the rows of the scenarios that were measured."""
    rows = [
        _row(scenario, row, measured[scenario.name])
        for scenario in SCENARIOS
        if scenario.name in measured
        for row in scenario.rows
    ]
    return render([HEAD, *rows])


def details(measured: dict[str, Results]) -> str:
    """Return throughput, times and CPU of every server in the scenarios that send."""
    rows = [("`--only`", "server", *DETAILS)]
    for scenario in SCENARIOS:
        if scenario.workload in ("sends", "fanout"):
            for server, runs in measured.get(scenario.name, {}).items():
                figures = (figure(runs, *where) for where in DETAILS.values())
                rows.append((f"`{scenario.name}`", server, *map(number, figures)))
    return render(rows) if len(rows) > 1 else ""


def figure(runs: list[dict[str, Any]], path: str, divisor: float = 1) -> float | None:
    """Return the median over the rounds of what stands at `path`, as in `answer.p50`; None if it was not measured."""
    values = [value for run in runs if (value := _at(run, path)) is not None]
    return median(values) / divisor if values else None


def number(value: float | None) -> str:
    """Return three significant digits."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def render(rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table, the first row its head, with columns that are aligned for the eye too."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def _row(scenario: Scenario, row: Row, results: Results) -> tuple[str, ...]:
    figures = [figure(results.get(name, []), row.figure, row.divisor) for name in SERVERS]
    if "api" in results:
        figures[0] = figure(results["api"], row.figure, row.divisor)
    ratio = _ratio(results, row) if row.against else None
    judged = ratio if row.against else figures[0]
    bounds = [f"{bound[0]} {bound[1]:g}" if bound else "" for bound in (row.must, row.goal)]
    ratio_text = "" if ratio is None else f"{ratio:.2f}"
    failed = any("failed" in run for name in (OURS, "api") for run in results.get(name, []))
    verdict = "failed" if failed else _verdict(row, judged)
    return (row.label, row.unit, *map(number, figures), ratio_text, *bounds, verdict, f"`{scenario.name}`")


def _ratio(results: Results, row: Row) -> float | None:
    """Return the median of the ratios in each round: what slows the machine for a while slows both."""
    ours, theirs = (results.get(name, []) for name in (OURS, row.against or NODE))
    pairs = [(_at(mine, row.figure), _at(other, row.figure)) for mine, other in zip(ours, theirs, strict=False)]
    ratios = [mine / other for mine, other in pairs if mine is not None and other]
    return median(ratios) if ratios else None


def _verdict(row: Row, value: float | None) -> str:
    if value is None or row.must is None:
        return ""
    if not _holds(row.must, value):
        return "missed"
    return "goal" if row.goal and _holds(row.goal, value) else "met"


def _holds(bound: Bound, value: float) -> bool:
    return value >= bound[1] if bound[0] == "≥" else value <= bound[1]


def _at(result: dict[str, Any], path: str) -> float | None:
    value: Any = result
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        scenarios = json.load(file)["scenarios"]
    print(table(scenarios), details(scenarios), sep="\n\n")
