"""One after the other: the sends of one conversation take turns in this process, as they do in the database.

The database orders them by a row lock. Waiting here instead keeps a busy conversation from holding all of
the pool's connections, and lets its events leave in the order of their commits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from flask import current_app

from ..errors import StorageUnavailable


class Turn:
    """A conversation's lock, and how many hold it or wait for it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.users = 0


_turns: dict[str, Turn] = {}


@contextmanager
def turn(conversation_id: str) -> Iterator[None]:
    """Wait for this conversation's turn. Raises 503 storage_unavailable after STORAGE_TIMEOUT seconds."""
    mine = _turns.setdefault(conversation_id, Turn())
    mine.users += 1
    try:
        if not mine.lock.acquire(timeout=current_app.config["CHAT"].storage_timeout):
            raise StorageUnavailable()
        try:
            yield
        finally:
            mine.lock.release()
    finally:
        mine.users -= 1
        if mine.users == 0:
            del _turns[conversation_id]
