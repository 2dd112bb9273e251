"""The gate of writes: one at a time for each conversation, in their order, whatever fails, times out or is ended."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", range(4))
def test_writes_of_a_conversation_follow_one_another(seed: int) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.support.gate_stress", str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
