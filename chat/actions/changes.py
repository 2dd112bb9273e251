"""The one write path: wait for the conversation, write, announce, return."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock
from typing import Any

from flask import current_app

from ..auth import Caller
from ..errors import StorageUnavailable
from ..realtime.announce import announce
from ..realtime.events import Event
from ..storage import Change


def commit(
    event: Event, caller: Caller, conversation_id: str, write: Callable[[], Change], *, in_order: bool = True
) -> dict[str, Any]:
    """Do one write in a conversation, announce it as `event`, and return its result.

    `in_order`: after the writes of this process that came before it, so that events leave in the order of their
    versions; false for what has no version. Raises what `write` raises.
    """
    with conversation_lock(conversation_id) if in_order else nullcontext():
        change = write()
        if change.announce:
            announce(event, change.result, conversation_id, change.audience_version, caller)
    return change.result


class _ConversationLock:
    """A lock, and how many hold it or wait for it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.users = 0


_locks: dict[str, _ConversationLock] = {}


@contextmanager
def conversation_lock(conversation_id: str) -> Iterator[None]:
    """Let the writes of one conversation follow one another. Raises 503 storage_unavailable after STORAGE_TIMEOUT.

    The database orders them by a row lock. Waiting here instead keeps a busy conversation from holding all of
    the pool's connections.
    """
    mine = _locks.setdefault(conversation_id, _ConversationLock())
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
            del _locks[conversation_id]
