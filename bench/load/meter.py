"""CPU and memory of the processes, as the operating system counts them (/proc)."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Usage:
    """CPU seconds used so far; None for a server elsewhere."""

    server: float | None
    database: float | None
    load: float

    def since(self, before: Self) -> "Usage":
        def difference(now: float | None, then: float | None) -> float | None:
            return None if now is None or then is None else now - then

        return Usage(
            difference(self.server, before.server),
            difference(self.database, before.database),
            self.load - before.load,
        )


class Meter:
    """Reads the server's process and the database's, named by the id of each one's first process."""

    def __init__(self, server: int | None, database: int | None) -> None:
        self._server, self._database = server, database

    def usage(self) -> Usage:
        times = os.times()
        return Usage(
            self._server and cpu_of_tree(self._server),
            self._database and cpu_of_tree(self._database),
            times.user + times.system,
        )

    def resident(self) -> int | None:
        """Bytes of the server's memory that are in RAM (RSS)."""
        return self._server and resident(self._server)


def cpu_of_tree(pid: int) -> float:
    """Return the CPU seconds of a process and its children, also of those that have ended."""
    return _cpu(pid, with_ended=True) + sum(_cpu(child) for child in _children(pid))


def resident(pid: int) -> int:
    """Return the bytes of a process and its children that are in RAM."""
    return sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) * PAGE for each in (pid, *_children(pid)))


def _cpu(pid: int, with_ended: bool = False) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:  # it has ended meanwhile, and counts with its parent from now on
        return 0
    return sum(map(int, fields[11 : 15 if with_ended else 13])) / TICK  # utime, stime, cutime, cstime


def _children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
