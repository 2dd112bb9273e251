"""What keeps the database small and fast."""

from typing import Any

from ..storage import storage

#: Seconds that a dead job is kept for people to look at.
KEEP_DEAD = 30 * 24 * 3600


def delete_old_jobs(_: dict[str, Any]) -> None:
    """Delete the jobs that died long ago, and what failed in processes that have gone."""
    storage.delete_old_jobs(KEEP_DEAD)


def flush_search(_: dict[str, Any]) -> None:
    """Index the messages that were sent since the last time: otherwise a send must, for all those before it."""
    storage.flush_search()
