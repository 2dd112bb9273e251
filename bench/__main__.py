"""Measure this server beside its peers, on this machine and loopback alone: `make bench`.

Everything is started here, on an embedded PostgreSQL in a temporary directory, and ended here. bench/README.md says
what the rows mean.
"""

import argparse
import json
import os
import platform
import signal
import sys
from pathlib import Path
from typing import Any

from .load.target import raise_open_files
from .run import Bench, Options
from .scenarios import ASYNCIO, CURVES, NODE, SCENARIOS, TUTORIAL
from .servers import Machine
from .table import details, table

NAMES = [each.name for each in (*SCENARIOS, *CURVES)]
DEFAULT = [each.name for each in SCENARIOS]


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended
    raise_open_files()
    saved: dict[str, Any] = {"scenarios": {}, "curves": {}}
    if options.json and options.json.exists():
        saved = json.loads(options.json.read_text(encoding="utf-8"))
    measured: dict[str, Any] = {}
    with Machine() as machine:
        bench = Bench(machine, bench_options(options), progress)
        saved["machine"] = {**described(), "postgresql": machine.version}
        for name in options.only:
            for scenario in (each for each in SCENARIOS if each.name == name):
                saved["scenarios"][name] = measured[name] = bench.scenario(scenario)
            for curve in (each for each in CURVES if each.name == name):
                saved["curves"][name] = bench.curve(curve)
            if options.json:
                options.json.parent.mkdir(parents=True, exist_ok=True)
                options.json.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")
    progress("")
    print(table(measured), details(measured), sep="\n\n")
    failed = [run for results in measured.values() for runs in results.values() for run in runs if "failed" in run]
    return 1 if failed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("make bench ARGS=", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", type=names, default=DEFAULT, help=f"some of {', '.join(NAMES)} (the table's)")
    parser.add_argument("--seconds", type=float, help="seconds of one run of sends (2)")
    parser.add_argument("--rounds", type=int, help="how often each server is measured (3; crowds once)")
    parser.add_argument("--peers", type=lambda text: tuple(text.split(",")), help=f"{NODE},{ASYNCIO},{TUTORIAL} (all)")
    parser.add_argument("--json", type=Path, help="file for all results; what is in it and not measured now stays")
    parser.add_argument("--tutorial-url", default="", help="the tutorial's own server, for peers/tutorial.py")
    parser.add_argument("--postgrest-url", default="", help="a Supabase project's URL, in place of the tests' stand-in")
    parser.add_argument("--postgrest-key", default="", help="its service_role key")
    return parser.parse_args()


def names(text: str) -> list[str]:
    """Return the scenarios and curves that `--only` names; a word also stands for those that begin with it and `-`."""
    chosen = [name for word in text.split(",") for name in NAMES if name == word or name.startswith(f"{word}-")]
    if not chosen:
        raise argparse.ArgumentTypeError(f"choose some of {', '.join(NAMES)}")
    return chosen


def bench_options(options: argparse.Namespace) -> Options:
    names = ("seconds", "rounds", "peers", "tutorial_url", "postgrest_url", "postgrest_key")
    return Options(**{name: getattr(options, name) for name in names})


def described() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {"cores": os.cpu_count(), "python": platform.python_version(), "load_before": os.getloadavg()[0]}


def progress(text: str) -> None:
    """Say on the terminal what is under way, in one line that the next one replaces."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
