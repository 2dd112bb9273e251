"""Runs the jobs: those that are rows of the database, and those of the process itself."""

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import Any, TypeVar

from flask import Flask

from ..errors import ChatError
from ..storage import ClaimedJobs, Storage
from ..storage import Job as Row
from .kinds import Job, ProcessJob, error_text
from .process import repeat

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Jobs that one process runs at once.
LIMIT = 8
#: Seconds for which a job is claimed, renewed three times in that time; afterwards its process counts as gone.
LEASE = 60.0
#: Seconds until a process that has nothing to do looks again. It looks sooner when it adds a job itself, and when one
#: is due that it has seen waiting: so long at most waits what a busy or dying process has added. A look costs 0.15 ms
#: of CPU here and 0.3 ms in PostgreSQL; over Supabase's API it is a request, and one a second are 2.6 million a month.
POLL = 5.0
#: Seconds between two looks while the next job is due and another process is about to claim it.
BUSY = 0.1
#: Seconds that running jobs get to finish when the server stops.
STOP_TIMEOUT = 5.0


class NoAnswer(Exception):
    """A call of the database has failed, and the log says so."""


class Runner:
    """Runs jobs in threads of its own from `start()` to `stop()`."""

    def __init__(
        self,
        app: Flask,
        jobs: Sequence[Job],
        process_jobs: Sequence[ProcessJob] = (),
        *,
        lease: float = LEASE,
        poll: float = POLL,
        limit: int = LIMIT,
    ) -> None:
        #: Names this run of the process: another one on the same machine may get the same number.
        self.process = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(3)}"
        self._app = app
        self._storage: Storage = app.extensions["storage"]
        self._jobs = {job.name: job for job in jobs}
        self._kinds = {
            job.name: {"idempotent": job.idempotent, "attempts": job.attempts, "every": job.every} for job in jobs
        }
        self._process_jobs = process_jobs
        self._lease, self._poll, self._limit = lease, poll, limit
        self._stopping = Event()
        self._look: Event = app.extensions["jobs_added"]
        self._threads: set[Thread] = set()
        self._running: set[tuple[int, int]] = set()  # id and claim
        self._held: set[tuple[int, int]] = set()  # of these, those that no other process has taken over
        self._failed_at = float("-inf")
        self._database_is_away = False

    def start(self) -> None:
        """Begin to run jobs."""
        self._spawn(self._claim_until_stopped)
        self._spawn(self._hold_until_stopped)
        for job in self._process_jobs:
            self._spawn(repeat, self._app, job, self.process, self._stopping)

    def stop(self, seconds: float = STOP_TIMEOUT) -> None:
        """Let running jobs finish, for `seconds` at most, then give back those that have not."""
        self._stopping.set()
        self._look.set()
        deadline = time.monotonic() + seconds
        while self._threads and time.monotonic() < deadline:
            time.sleep(0.01)
        with suppress(NoAnswer):
            self._claim_jobs(0)  # which gives back what was claimed and has not begun
            for row in self._call(self._storage.release_jobs, self.process):
                _log_taken_back(row)

    def _spawn(self, target: Callable[..., None], *args: Any) -> None:
        def run() -> None:
            try:
                target(*args)
            finally:
                self._threads.discard(thread)

        thread = Thread(target=run, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _claim_until_stopped(self) -> None:
        added = False
        while not self._stopping.is_set():
            pause = self._poll
            with suppress(NoAnswer):
                added = added or self._add_recurring()
                pause = self._claim()
            self._look.wait(pause)
            self._look.clear()

    def _add_recurring(self) -> bool:
        """Add the jobs that recur, and those of a start; those that are there already stay as they are."""
        for job in self._jobs.values():
            if job.every is not None or job.at_start:
                self._call(self._storage.add_job, job.name, {}, job.name)
        return True

    def _claim(self) -> float:
        """Claim jobs that are due, start them, and return the seconds after which to look again."""
        free = self._limit - len(self._running)
        if free <= 0:
            return self._poll  # or sooner: a job that ends says so
        found = self._claim_jobs(free)
        if self._stopping.is_set():
            return 0  # `stop` gives them back
        for row in found["jobs"]:
            claim = row["id"], row["claim"]
            self._running.add(claim)
            self._held.add(claim)
            self._spawn(self._run, row)
        if found["next_in"] is None:
            return self._poll
        return min(max(found["next_in"], BUSY), self._poll)

    def _claim_jobs(self, limit: int) -> ClaimedJobs:
        ids = [id for id, _ in list(self._running)]
        return self._call(self._storage.claim_jobs, self._kinds, self.process, ids, self._lease, limit)

    def _run(self, row: Row) -> None:
        """Do one job, and say how it ended until the database has heard it."""
        claim = row["id"], row["claim"]
        try:
            error = self._attempt(row)
            while True:
                with suppress(NoAnswer):
                    self._report(row, error)
                    return
                if self._stopping.wait(1):
                    return
        finally:
            self._running.discard(claim)
            self._held.discard(claim)
            self._look.set()

    def _attempt(self, row: Row) -> str | None:
        """Do one job and return its error, None when it succeeded."""
        try:
            with self._app.app_context():
                self._jobs[row["kind"]].run(row["payload"])
        except BaseException as error:  # SystemExit too: a run that nobody hears of would be taken for one never begun
            text = error_text(error)
            tried = f"attempt {row['attempts']} of {row['max_attempts']}"
            log.warning("%s failed (%s): %s", _name(row), tried, text, exc_info=_traceback(error))
            return text
        return None

    def _report(self, row: Row, error: str | None) -> None:
        if error is None:
            held = self._call(self._storage.finish_job, row["id"], row["claim"])
        else:
            state = self._call(self._storage.fail_job, row["id"], row["claim"], error)
            held = state is not None
            if state == "dead":
                log.error("%s is dead after %d attempts: %s", _name(row), row["attempts"], error)
        if not held:
            log.warning("%s was no longer this process's when it ended; nothing was changed", _name(row))

    def _hold_until_stopped(self) -> None:
        while not self._stopping.wait(self._lease / 3):
            with suppress(NoAnswer):
                self._renew()
                # In an outage the leases of all processes run out: each gets the time to renew its own.
                if time.monotonic() - self._failed_at > self._lease:
                    for row in self._call(self._storage.recover_jobs):
                        _log_taken_back(row)

    def _renew(self) -> None:
        claims = dict(sorted(self._held))  # of a job that is here twice the later claim
        if not claims:
            return
        still_held = self._call(self._storage.renew_jobs, {str(id): claim for id, claim in claims.items()}, self._lease)
        for claim in claims.items():
            if claim[0] not in still_held and claim in self._held:
                self._held.discard(claim)
                log.warning("job %d is no longer this process's, and runs on: its lease had run out", claim[0])

    def _call(self, function: Callable[..., T], *args: Any) -> T:
        """Call the database. Raises `NoAnswer`; of several failures in a row only the first is logged."""
        try:
            answer = function(*args)
        except Exception as error:
            self._failed_at = time.monotonic()
            if not self._database_is_away:
                log.warning("jobs wait for the database: %s", error_text(error), exc_info=_traceback(error))
            self._database_is_away = True
            raise NoAnswer from error
        if self._database_is_away:
            log.warning("jobs run again: the database answers")
        self._database_is_away = False
        return answer


def _name(row: Row) -> str:
    return f"job {row['id']} ({row['kind']})"


def _traceback(error: BaseException) -> BaseException | None:
    """Return the error if a traceback says more of it than its text."""
    return None if isinstance(error, ChatError) else error


def _log_taken_back(row: Row) -> None:
    if row["state"] == "dead":
        log.error("%s is dead: %s", _name(row), row["last_error"])
    else:
        log.warning("%s was broken off, and will run again", _name(row))
