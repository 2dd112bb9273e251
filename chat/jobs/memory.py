"""Gives memory back to the system that a burst has left behind: malloc keeps what was freed, for the next one."""

import ctypes
import os
from pathlib import Path

#: Bytes that the process must have grown by, since it last gave some back, for another try.
WORTH = 16 << 20

PAGE = os.sysconf("SC_PAGE_SIZE")
STATM = Path("/proc/self/statm")


class GiveMemoryBack:
    """The job: when the process has grown, what is free goes back. For 100 MB the others wait some 7 ms."""

    def __init__(self) -> None:
        self._resident = _resident()

    def __call__(self, _: float) -> None:
        if _resident() >= self._resident + WORTH:
            _trim()
            self._resident = _resident()
        else:
            self._resident = min(self._resident, _resident())


def _resident() -> int:
    """Return the bytes that are in RAM; 0 where the system does not tell, and nothing is given back."""
    return int(STATM.read_text().split()[1]) * PAGE if STATM.exists() else 0


def _trim() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it; musl keeps little by itself
    if trim:
        trim(0)
