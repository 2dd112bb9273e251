"""What a job is declared with."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Job(NamedTuple):
    """A kind of jobs that are rows of the database; `run(payload)` does one, in an app context.

    `idempotent`: to run it again after a crash does no harm. Otherwise it is dead then, and people decide.
    `attempts`: runs that may fail before it is dead. `every`: seconds between two runs of a job that recurs: it needs
    not be added, and after its last attempt it waits for its next time. Its times drift by its own duration.
    `at_start`: one is added whenever a process starts, whose settings may be new.
    """

    name: str
    run: Callable[[dict[str, Any]], None]
    idempotent: bool = False
    attempts: int = 5
    every: float | None = None
    at_start: bool = False


class ProcessJob(NamedTuple):
    """What every process does for itself every `every` seconds, the first time after that time.

    `run(seconds)` gets the time since its last run that succeeded began, or since the start.
    """

    name: str
    run: Callable[[float], None]
    every: float


def error_text(error: BaseException) -> str:
    """Return what is kept of an error: its type and text in 1,000 characters that PostgreSQL can hold."""
    text = f"{type(error).__name__}: {error}".rstrip(": ")
    return text[:1000].replace("\0", "").encode(errors="replace").decode()
