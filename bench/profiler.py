"""Record where the server's time goes under one scenario's load, with py-spy: `make profile ARGS="rest"`.

py-spy reads another process's memory: it needs root, or kernel.yama.ptrace_scope = 0.
"""

import argparse
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .load.target import raise_open_files
from .run import Failed, generate
from .scenarios import SCENARIOS
from .servers import Machine
from .table import details

#: What py-spy writes for a file name that ends so.
FORMATS = {".json": "speedscope", ".svg": "flamegraph", ".txt": "raw"}
#: The scenarios that one run of a load generator is.
PROFILED = {each.name: each for each in SCENARIOS if each.workload != "startup"}
PY_SPY = Path(sys.executable).with_name("py-spy")


def main() -> int:
    parser = argparse.ArgumentParser("make profile ARGS=", description=__doc__)
    parser.add_argument("scenario", choices=PROFILED, nargs="?", default="rest", help="the load (rest)")
    parser.add_argument("--output", type=Path, default=Path(".data/profile.svg"), help=".svg, .json (speedscope), .txt")
    parser.add_argument("--seconds", type=float, default=10.0, help="seconds of load (10)")
    options = parser.parse_args()
    if options.output.suffix not in FORMATS:
        parser.error(f"the name of the output must end with one of {', '.join(FORMATS)}")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    raise_open_files()
    return profile(options.scenario, options.output, options.seconds)


def profile(name: str, output: Path, seconds: float) -> int:
    """Write the profile of our server under this scenario, and print what the load came to; return the exit code."""
    scenario = PROFILED[name]
    options = {**scenario.options, **({"seconds": seconds} if scenario.workload == "sends" else {})}
    with ExitStack() as stack:
        machine = stack.enter_context(Machine())
        server = stack.enter_context(machine.api() if name == "api" else machine.chat(scenario.mode))
        assert server.pid
        with recording(server.pid, output):
            try:
                result = generate(server, scenario.workload, options)
            except Failed as error:
                print(f"failed: {error}", file=sys.stderr)
                return 1
    print(details({name: {"chat": [result]}}))
    return 0


@contextmanager
def recording(pid: int, output: Path) -> Iterator[None]:
    """Record the process while the block runs."""
    program = [PY_SPY, "record", "--pid", str(pid), "--output", output, "--format", FORMATS[output.suffix]]
    with subprocess.Popen([*program, "--rate", "200"], stdout=subprocess.DEVNULL) as recorder:
        try:
            yield
        finally:
            recorder.send_signal(signal.SIGINT)  # on which it writes what it has
    if recorder.returncode:
        raise SystemExit("py-spy could not record: it needs root, or kernel.yama.ptrace_scope = 0")
    print(f"written to {output}")


if __name__ == "__main__":
    sys.exit(main())
