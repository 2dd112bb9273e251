"""Repeats what a process does for itself, and keeps in the database which of it fails."""

import logging
import time
from threading import Event

from flask import Flask

from ..errors import ChatError
from ..storage import Storage
from .kinds import ProcessJob, error_text

log = logging.getLogger(__name__)

#: Seconds that a failing job may be late before its process counts as gone.
GRACE = 60.0


def repeat(app: Flask, job: ProcessJob, process: str, stopping: Event) -> None:
    """Run `job` at its interval until `stopping` is set. An error ends neither this nor anything else."""
    storage: Storage = app.extensions["storage"]
    succeeded_at = time.monotonic()
    error: str | None = None
    reported = False  # whether the database may hold an error of this job
    while not stopping.wait(job.every):
        began_at = time.monotonic()
        error = _attempt(app, job, began_at - succeeded_at, error)
        if error is None:
            succeeded_at = began_at
        if error is not None or reported:
            try:
                storage.report_process_job(job.name, process, error, 2 * job.every + GRACE)
                reported = error is not None
            except ChatError:  # the database is away: said below, if it matters to the job
                reported = True
            except Exception:
                log.exception("the state of the job %s could not be kept", job.name)


def _attempt(app: Flask, job: ProcessJob, seconds: float, last_error: str | None) -> str | None:
    """Run `job` once and return its error, None when it succeeded. Logged is what has changed since the last time."""
    try:
        with app.app_context():
            job.run(seconds)
    except Exception as error:
        text = error_text(error)
        if text != last_error:
            traceback = None if isinstance(error, ChatError) else error
            log.warning("the job %s fails: %s", job.name, text, exc_info=traceback)
        return text
    if last_error is not None:
        log.warning("the job %s works again", job.name)
    return None
