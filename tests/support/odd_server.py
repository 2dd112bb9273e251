"""The server, as `python wsgi.py` runs it, on a machine whose clock is wrong, or with jobs that are taken over sooner.

`CLOCK_AHEAD`: seconds that its clock is ahead of the others', negative behind. `JOB_LEASE`: seconds.
"""

import datetime
import os
import sys
import time
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__)


def set_clock(ahead: float) -> None:
    """Make what tells the time of day tell another one."""
    real_time, real = time.time, datetime.datetime

    class Kind(type(real)):  # type: ignore[misc]
        def __instancecheck__(cls, value: Any) -> bool:  # what is made in C is none of the new class
            return isinstance(value, real)

    class Wrong(real, metaclass=Kind):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return real.now(tz) + datetime.timedelta(seconds=ahead)

    time.time = lambda: real_time() + ahead
    datetime.datetime = Wrong  # type: ignore[misc]


def main() -> None:
    sys.path[0] = str(PROGRAM.parents[2])
    from chat import patch

    patch.end_at_interrupt()
    patch.patch()
    set_clock(float(os.environ.get("CLOCK_AHEAD", "0")))
    from chat.jobs.runner import LEASE, Runner

    Runner.__init__.__kwdefaults__["lease"] = float(os.environ.get("JOB_LEASE", LEASE))
    from chat.server.run import run

    sys.exit(run())


if __name__ == "__main__":
    main()
