"""Runs scenarios: the servers in turn, round after round, each run with a load generator of its own."""

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from typing import Any

from .load.stage import Server
from .scenarios import NODE, OURS, TUTORIAL, Curve, Scenario
from .servers import ROOT, Machine, Running

#: Seconds after which a load generator is ended from outside; it gives up by itself before.
PATIENCE = 330

Result = dict[str, Any]


class Failed(Exception):
    """A send was answered with an error, or not at all."""


@dataclass
class Options:
    """What the command line says: seconds of a run, rounds (None: each scenario's), servers elsewhere."""

    seconds: float | None = None
    rounds: int | None = None
    peers: tuple[str, ...] | None = None
    tutorial_url: str = ""
    postgrest_url: str = ""
    postgrest_key: str = ""


class Bench:
    """Runs scenarios and curves on one machine."""

    def __init__(self, machine: Machine, options: Options, progress: Callable[[str], None]) -> None:
        self._machine = machine
        self._options = options
        self._progress = progress

    def scenario(self, scenario: Scenario) -> dict[str, list[Result]]:
        """Return each server's results, a list with one for each round; a run that failed is `{"failed": text}`."""
        results: dict[str, list[Result]] = {name: [] for name in self._chosen(scenario.servers)}
        options = self._with_seconds(scenario.workload, scenario.options)
        rounds = self._options.rounds or scenario.rounds
        with ExitStack() as stack:
            running: dict[str, Server] = {}
            for number in range(rounds):
                for name, collected in results.items():
                    self._progress(f"{scenario.name}: {name}, run {number + 1} of {rounds}")
                    if scenario.workload == "startup":
                        collected.append(self._machine.startup())
                    elif scenario.fresh:
                        with self._server(name, scenario.mode, scenario.settings) as server:
                            collected.append(self._run(server, scenario.workload, options))
                    else:
                        if name not in running:
                            running[name] = stack.enter_context(self._server(name, scenario.mode))
                        collected.append(self._run(running[name], scenario.workload, options))
        return results

    def curve(self, curve: Curve) -> dict[str, list[tuple[int, Result]]]:
        """Return for each server the values of the option with the results."""
        results: dict[str, list[tuple[int, Result]]] = {name: [] for name in self._chosen(curve.servers)}
        options = self._with_seconds(curve.workload, curve.options)
        for value, name in ((value, name) for value in curve.values for name in results):
            self._progress(f"{curve.name}: {name}, {value}")
            with self._server(name, "open") as server:
                result = self._run(server, curve.workload, {**options, curve.option: value})
                results[name].append((value, result))
        return results

    def _chosen(self, servers: tuple[str, ...]) -> Iterator[str]:
        chosen = self._options.peers
        for name in servers:
            if name == NODE and not shutil.which("npm"):
                self._progress("Node.js with npm is not installed: no ratios\n")
            elif chosen is None or name in (*chosen, OURS, "api"):
                yield name

    def _with_seconds(self, workload: str, options: dict[str, Any]) -> dict[str, Any]:
        if self._options.seconds and workload in ("sends", "crowd"):
            return {**options, "seconds": self._options.seconds}
        return options

    def _server(self, name: str, mode: str, settings: dict[str, str] | None = None) -> Running:
        if name == TUTORIAL and self._options.tutorial_url:
            return nullcontext(Server(self._options.tutorial_url, acknowledges=False))
        if name == "api":
            return self._machine.api(self._options.postgrest_url, self._options.postgrest_key)
        if name == OURS:
            return self._machine.chat(mode, settings)
        start: Callable[[], Running] = getattr(self._machine, name)
        return start()

    def _run(self, server: Server, workload: str, options: dict[str, Any]) -> Result:
        try:
            result = generate(server, workload, options)
        except Failed as error:
            result = {"failed": str(error)}
        if "failed" in result:
            self._progress(f"failed: {result['failed']}\n")
        return result


def generate(server: Server, workload: str, options: dict[str, Any]) -> Result:
    """Run a workload in a process of its own and return what it came to. Raises `Failed`."""
    job = json.dumps({"workload": workload, "server": dataclasses.asdict(server), "options": options})
    program = [sys.executable, "-m", "bench.load", job]
    ran = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    if ran.returncode:
        raise Failed(ran.stderr.strip().rpartition("\n")[2])
    result: Result = json.loads(ran.stdout)
    return result
