"""Work for later, or for another process."""

from typing import Any

from flask import current_app

from ..storage import storage


def add_job(kind: str, payload: dict[str, Any], key: str | None = None, run_at: str | None = None) -> int | None:
    """Add a job, due now or at `run_at`, and return its id.

    None when a job with this key is waiting or running. A change that must not be without its job adds it in its
    own SQL function, with `chat_add_job`, and calls `wake_runner` afterwards.
    """
    id = storage.add_job(kind, payload, key, run_at)
    wake_runner()
    return id


def wake_runner() -> None:
    """Let this process look for jobs now, not at its next round."""
    current_app.extensions["jobs_added"].set()
