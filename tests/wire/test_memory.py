"""Memory that a burst has taken goes back to the system."""

import subprocess
import sys

import pytest

from chat.jobs import memory
from tests.support.server import WSGI

MEGABYTE = 1 << 20

#: Takes 200 MB in pieces, keeps some of them, so that the heap cannot shrink by itself, and gives the rest back.
BURST = f"""
import sys
sys.path.insert(0, {str(WSGI.parent)!r})
from chat.jobs.memory import GiveMemoryBack, _resident

give_back = GiveMemoryBack()
before = _resident()
taken = [bytes(2000) for _ in range(100_000)]
kept = taken[::1000]
del taken
after = _resident()
give_back(15)
print(after - before, _resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process has")
def test_what_a_burst_has_taken_goes_back() -> None:
    ended = subprocess.run([sys.executable, "-c", BURST], capture_output=True, text=True, check=True, timeout=60)
    taken, left = map(int, ended.stdout.split())
    if taken > 100 * MEGABYTE:  # else this system gave it back by itself
        assert left < 50 * MEGABYTE


def test_it_is_not_tried_again_before_the_process_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    resident = [60 * MEGABYTE]
    tried: list[int] = []
    monkeypatch.setattr(memory, "_resident", lambda: resident[0])
    monkeypatch.setattr(memory, "_trim", lambda: tried.append(resident[0]))
    give_back = memory.GiveMemoryBack()
    for size in (60, 70, 90, 91, 80, 50, 60, 90):
        resident[0] = size * MEGABYTE
        give_back(15)
    assert [size // MEGABYTE for size in tried] == [90, 90]
