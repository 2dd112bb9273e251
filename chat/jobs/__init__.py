"""Everything that is done without a request, declared in two tables. `start_jobs(app)` is the way in."""

from flask import Flask

from .attachments import sweep_attachments, sweep_files
from .connections import CloseUnusedConnections
from .erasure import erase_user
from .housekeeping import delete_old_jobs, flush_search
from .kinds import Job, ProcessJob
from .memory import GiveMemoryBack
from .presence import update_presence
from .push import ATTEMPTS as PUSH_ATTEMPTS
from .push import check_push_receipts, push_devices, push_message
from .retention import sweep_messages
from .runner import Runner
from .scheduled import send_scheduled
from .sessions import end_expired_sessions, end_revoked_sessions
from .webhooks import ATTEMPTS, add_webhook_jobs, send_webhooks

__all__ = ["JOBS", "PROCESS_JOBS", "Job", "ProcessJob", "Runner", "start_jobs"]

#: Rows of the database, each run by one process of all. The names stand in rows: keep them.
JOBS = [
    Job("delete_old_jobs", delete_old_jobs, idempotent=True, every=3600),
    Job("flush_search", flush_search, idempotent=True, every=15),
    Job("send_scheduled", send_scheduled, idempotent=True, attempts=20),
    Job("erase_user", erase_user, idempotent=True, attempts=20),
    Job("sweep_attachments", sweep_attachments, idempotent=True, every=3600),
    Job("sweep_files", sweep_files, idempotent=True, every=24 * 3600),
    Job("sweep_messages", sweep_messages, idempotent=True, every=3600),
    Job("sweep_messages_at_start", sweep_messages, idempotent=True, at_start=True),
    Job("send_webhooks", send_webhooks, idempotent=True, attempts=ATTEMPTS),  # each change has an id of its own
    Job("add_webhook_jobs", add_webhook_jobs, idempotent=True, every=10),
    Job("push_message", push_message, idempotent=True),  # devices show what comes twice once
    Job("push_devices", push_devices, idempotent=True, attempts=PUSH_ATTEMPTS),
    Job("check_push_receipts", check_push_receipts, idempotent=True),
]

#: What every process does for itself, also while the database is away.
PROCESS_JOBS = [
    ProcessJob("end_expired_sessions", end_expired_sessions, every=15),
    ProcessJob("end_revoked_sessions", end_revoked_sessions, every=15),
    ProcessJob("update_presence", update_presence, every=1),
    ProcessJob("close_unused_connections", CloseUnusedConnections(), every=15),
    ProcessJob("give_memory_back", GiveMemoryBack(), every=15),
]


def start_jobs(app: Flask) -> Runner:
    """Run the jobs of `app` in the background until `Runner.stop()`."""
    runner = Runner(app, JOBS, PROCESS_JOBS)
    runner.start()
    return runner
