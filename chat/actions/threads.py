"""Threads are read and followed. That is the caller's own: others hear nothing of it, and it has no version."""

from ..auth import Caller
from ..storage import storage


def read(caller: Caller, message_id: str, read_seq: int) -> str:
    """Move the caller's pointer in a thread forward; return it (JSON text). Raises 404 message_not_found."""
    return storage.read_thread(caller, message_id, read_seq)


def follow(caller: Caller, message_id: str, following: bool) -> str:
    """Follow a thread, or no longer; return that (JSON text). Raises 404 message_not_found."""
    return storage.follow_thread(caller, message_id, following)
