"""`jobs`: what waits, fails or is dead, and what is done about it."""

import json

import click

from ..storage import Job
from .output import fail, lent_storage, plain, table

#: Jobs that `jobs` lists at most.
MAX_LISTED = 200
#: Characters of an error in the table; `--json` has the whole.
MAX_ERROR = 100


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: {waiting, jobs}.")
@click.pass_context
def jobs(context: click.Context, as_json: bool) -> None:
    """List the jobs that are dead, fail, wait after an error, are overdue or run."""
    if context.invoked_subcommand:
        return
    with lent_storage() as storage:
        found = storage.list_jobs(MAX_LISTED)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    if found["jobs"]:
        click.echo(table([("ID", "STATE", "TIME", "JOB", "ATTEMPTS", "PROCESS", "ERROR"), *map(_row, found["jobs"])]))
    if len(found["jobs"]) == MAX_LISTED:
        click.echo(f"These are the first {MAX_LISTED}; there may be more.")
    click.echo(f"{len(found['jobs'])} listed; {found['waiting']} waiting in all.")


@jobs.command
@click.argument("id", type=click.IntRange(1, 2**63 - 1), required=False)
@click.option("--all-dead", is_flag=True, help="Every dead job.")
def retry(id: int | None, all_dead: bool) -> None:
    """Let a dead or waiting job run now.

    It has all its attempts before it.
    """
    if (id is None) != all_dead:
        raise click.UsageError("Name one job by its ID, or all dead ones by --all-dead.")
    with lent_storage() as storage:
        retried = storage.retry_dead_jobs() if id is None else [_found(id, storage.retry_job(id))]
    left = [_not_retried(job) for job in retried if job["state"] != "waiting"]
    if all_dead or not left:
        count = len(retried) - len(left)
        click.echo("1 job runs again." if count == 1 else f"{count} jobs run again.")
    if left:
        fail("\nchat: ".join(left))


@jobs.command
@click.argument("id", type=click.IntRange(1, 2**63 - 1))
def drop(id: int) -> None:
    """Delete a job for good, unless it is running.

    One that recurs comes back when a server starts.
    """
    with lent_storage() as storage:
        job = _found(id, storage.drop_job(id))
    if job["state"] == "running":
        fail(f"Job {id} is running in {job['claimed_by']}: stop that process, or wait for its end.")
    click.echo(f"Job {id} ({job['kind']}, {job['state']}) is deleted.")


def _found(id: int, job: Job | None) -> Job:
    if job is None:
        fail(f"There is no job {id}.")
    return job


def _not_retried(job: Job) -> str:
    if job["state"] == "running":
        return f"Job {job['id']} is running in {job['claimed_by']}."
    if job["state"] == "failing":
        return f"Job {job['id']} is done by {job['claimed_by']} for itself, which tries again by itself."
    return f"Job {job['id']} stays dead: another job with its key ({job['key']}) is waiting or running."


def _row(job: Job) -> tuple[str, ...]:
    attempts = f"{job['attempts']} of {job['max_attempts']}" if job["max_attempts"] else str(job["attempts"])
    return (
        str(job["id"]),
        job["state"],
        ("until " if job["state"] == "waiting" else "since ") + job["run_at"][:19] + "Z",
        job["kind"],
        attempts,
        job["claimed_by"] or "–",
        plain(job["last_error"], MAX_ERROR),
    )
