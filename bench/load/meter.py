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
    #: Of the whole machine.
    machine: float

    def since(self, before: Self) -> "Usage":
        def difference(now: float | None, then: float | None) -> float | None:
            return None if now is None or then is None else now - then

        return Usage(
            difference(self.server, before.server),
            difference(self.database, before.database),
            self.load - before.load,
            self.machine - before.machine,
        )

    @property
    def others(self) -> float:
        """What programs used that have no part in the measurement: where it is much, the figures mean little."""
        return self.machine - self.load - (self.server or 0) - (self.database or 0)

    def per_send(self, count: int) -> dict[str, float | None]:
        """Return the microseconds that each of `count` sends took of the server, of the database, and of both."""
        if self.server is None or self.database is None:
            return {"server": None, "database": None, "total": None}
        server, database = (each / count * 1e6 for each in (self.server, self.database))
        return {"server": server, "database": database, "total": server + database}


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
            _cpu_of_machine(),
        )

    def resident(self) -> int | None:
        """Bytes of the server's memory that are in RAM (RSS)."""
        return self._server and resident(self._server)


def cpu_of_tree(pid: int) -> float:
    """Return the CPU seconds of a process and its workers, also of children that have ended."""
    return _cpu(pid, with_ended=True) + sum(_cpu(worker) for worker in _workers(pid))


def resident(pid: int) -> int:
    """Return the bytes of a process and its workers that are in RAM."""
    return sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) * PAGE for each in (pid, *_workers(pid)))


def _cpu_of_machine() -> float:
    user, nice, system, _, _, irq, soft_irq = Path("/proc/stat").read_text().split()[1:8]
    return sum(map(int, (user, nice, system, irq, soft_irq))) / TICK


def _cpu(pid: int, with_ended: bool = False) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:  # it has ended meanwhile, and counts with its parent from now on
        return 0
    return sum(map(int, fields[11 : 15 if with_ended else 13])) / TICK  # utime, stime, cutime, cstime


def _workers(pid: int) -> list[int]:
    """Return the children that run the same program: not a PostgreSQL that a server has started."""
    children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return [child for child in children if _name(child) == _name(pid)]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except FileNotFoundError:
        return ""
