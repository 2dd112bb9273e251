"""Waiting for what happens elsewhere."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


def wait_until(is_true: Callable[[], bool], *works: Future[Any], seconds: float = 60) -> None:
    """Wait until something is so; none of the works must fail before."""
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end
        for work in works:
            if work.done():
                work.result()
        time.sleep(0.02)
