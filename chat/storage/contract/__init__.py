"""What the server asks of its database, by noun: one short method per SQL function of `migrations.sql`.

The rules live in the SQL functions, so every method is one round trip and one transaction. Two drivers know how to
make the call: `postgres.py` over a connection, `supabase.py` over HTTP.

Any method raises `ChatError` for what a rule forbids (each names its codes), `StorageUnavailable` when the database
cannot be reached or does not answer in time, and `StorageFault` for a bug. Every method with a `caller` raises 404
user_not_found and 401 token_invalid (revoked). Ids are lower-case UUID strings, times are ISO 8601 strings in UTC.
"""

import time
from abc import abstractmethod

from ...errors import StartupError, StorageReadOnly
from .attachments import Attachments, StoredAttachment
from .blocks import Blocks, Privacy
from .calls import Announcement, Change, Page, to_error
from .conversations import Audience, Conversations
from .devices import Devices, PushNote, PushTarget, PushTargets
from .edits import Edits
from .invites import Invites
from .jobs import ClaimedJobs, Job, Jobs
from .members import Members
from .messages import Messages
from .operators import Operators
from .pins import Pins
from .presence import Presence, Seen
from .reactions import Reactions
from .receipts import Receipts
from .retention import ExpiredConversations, Retention
from .scheduled import Scheduled
from .schema import DeployedSchema, Schema
from .search import Search
from .sync import Sync
from .threads import Threads
from .tokens import Revocation, Tokens
from .users import Users
from .webhooks import WebhookEvent, Webhooks

__all__ = [
    "Announcement",
    "Audience",
    "Change",
    "ClaimedJobs",
    "DeployedSchema",
    "ExpiredConversations",
    "Job",
    "Page",
    "Privacy",
    "PushNote",
    "PushTarget",
    "PushTargets",
    "Revocation",
    "Seen",
    "Storage",
    "StoredAttachment",
    "WebhookEvent",
    "to_error",
]

#: Seconds for which a refused write counts. Not for ever: who is not ready gets no writes, by which to find out.
REFUSED_WRITE_COUNTS = 30.0


class Storage(
    Users,
    Blocks,
    Tokens,
    Conversations,
    Members,
    Invites,
    Messages,
    Edits,
    Reactions,
    Pins,
    Threads,
    Scheduled,
    Search,
    Attachments,
    Receipts,
    Presence,
    Sync,
    Retention,
    Jobs,
    Webhooks,
    Devices,
    Operators,
    Schema,
):
    """The database, whichever it is."""

    @abstractmethod
    def open(self) -> None:
        """Connect, and make sure that the schema is one that serves this code. Raises `StartupError`."""

    @abstractmethod
    def migrate(self) -> str:
        """Bring the schema up to date and return a sentence on what was done. Raises `StartupError`."""

    def direct_url(self) -> str:
        """Return the libpq URL of the database, which runs then. Raises `StartupError` where only an API is known."""
        raise StartupError(
            "This needs a direct connection to the database, which Supabase's API is not: set DATABASE_URL to the "
            "project's connection string (Dashboard > Connect)."
        )

    def check_ready(self) -> None:
        """Raise 503 storage_unavailable when the database does not answer, or takes no writes.

        It takes none when it has refused one in the last half minute and has taken none since.
        """
        self.get_schema()
        if self.refused_write_at and time.monotonic() - self.refused_write_at < REFUSED_WRITE_COUNTS:
            raise StorageReadOnly()

    @abstractmethod
    def close(self) -> None:
        """Let go of every connection; safe to call twice."""
