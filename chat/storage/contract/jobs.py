"""Jobs: work for later, or for another process. `chat.jobs` runs them."""

from typing import Any, Literal, TypedDict

from .calls import Calls, sql


class Job(TypedDict):
    """One job. `claim` is the number of its latest claim: it proves that a process still holds it.

    `run_at` is when a waiting job is due; otherwise the job has been in its state since then. `failing` is the state
    of a job that `claimed_by` does for itself; such a row counts until `claimed_until`.
    """

    id: int
    kind: str
    payload: dict[str, Any]
    key: str | None
    state: Literal["waiting", "running", "failing", "dead"]
    run_at: str
    attempts: int
    max_attempts: int | None
    claim: int
    claimed_by: str | None
    claimed_until: str | None
    last_error: str | None
    created_at: str


class ClaimedJobs(TypedDict):
    """Jobs to run now, and the seconds until the next one is due; None when none waits."""

    jobs: list[Job]
    next_in: float | None


class ListedJobs(TypedDict):
    """How many jobs wait, and the jobs that people want to see."""

    waiting: int
    jobs: list[Job]


class Jobs(Calls):
    """Jobs: added, claimed, ended; looked at by people."""

    @sql
    def add_job(
        self, kind: str, payload: dict[str, Any], key: str | None = None, run_at: str | None = None
    ) -> int | None:
        """Add a job, due now or at `run_at`, and return its id.

        None, and no change, when a job with this key is waiting or running.
        """

    @sql
    def claim_jobs(
        self, kinds: dict[str, Any], process: str, running: list[int], lease: float, limit: int
    ) -> ClaimedJobs:
        """Claim up to `limit` jobs that are due, for `lease` seconds.

        `kinds` is `{kind: {idempotent, attempts, every}}`, `running` the ids of the jobs that the process runs already.
        """

    @sql
    def renew_jobs(self, claims: dict[str, int], lease: float) -> list[int]:
        """Hold jobs, given as `{id: claim}`, for `lease` seconds from now; return the ids of those still held."""

    @sql
    def finish_job(self, id: int, claim: int) -> bool:
        """Say that a job is done, and return whether it was still held; otherwise nothing has changed."""

    @sql
    def fail_job(self, id: int, claim: int, error: str) -> Literal["waiting", "dead"] | None:
        """Say that a run has failed, and return the job's new state; None, and no change, when it was not held."""

    @sql
    def recover_jobs(self) -> list[Job]:
        """Take back the jobs whose lease ran out, and return them: `waiting` if they may run again, else `dead`."""

    @sql
    def release_jobs(self, process: str) -> list[Job]:
        """Break off what a process that stops still runs, forget its failing jobs; return those broken off."""

    @sql
    def report_process_job(self, kind: str, process: str, error: str | None, seconds: float) -> bool:
        """Say that a job of the process fails, or with None that it no longer does; the word holds for `seconds`."""

    @sql
    def list_jobs(self, limit: int) -> ListedJobs:
        """Return the jobs that run, fail, are overdue, wait after an error or are dead; the dead first."""

    @sql
    def retry_job(self, id: int) -> Job | None:
        """Let a dead or waiting job run now; return it as it is afterwards, None when there is none.

        It is still dead when another job with its key is waiting or running.
        """

    @sql
    def retry_dead_jobs(self) -> list[Job]:
        """Let every dead job run now; return them as they are afterwards."""

    @sql
    def drop_job(self, id: int) -> Job | None:
        """Delete a job, unless it is running; return it as it was, None when there is none."""

    @sql
    def delete_old_jobs(self, seconds: float) -> int:
        """Delete jobs that died longer ago than this, and what failed in processes that have gone; return how many."""
