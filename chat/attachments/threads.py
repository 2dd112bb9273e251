"""Work that would stop the loop: the disk's, and what computes for long."""

from collections.abc import Callable
from typing import TypeVar

from eventlet import tpool
from eventlet.patcher import is_monkey_patched

Result = TypeVar("Result")


def in_thread(function: Callable[..., Result], *args: object) -> Result:
    """Return what `function` does in a thread of the system's, while other green threads run.

    It must not touch anything that waits in eventlet's way: sockets, locks, the log.
    """
    if not is_monkey_patched("thread"):
        return function(*args)
    result: Result = tpool.execute(function, *args)
    return result
