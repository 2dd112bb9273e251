"""The database: the drivers, and the one place that chooses between them."""

from typing import cast

from flask import current_app
from werkzeug.local import LocalProxy

from ..config import Config
from ..embedded import EmbeddedPostgres
from .contract import (
    Announcement,
    Audience,
    Change,
    ClaimedJobs,
    Job,
    Page,
    Privacy,
    PushNote,
    PushTarget,
    PushTargets,
    Revocation,
    Seen,
    Storage,
    StoredAttachment,
    WebhookEvent,
)

__all__ = [
    "Announcement",
    "Audience",
    "Change",
    "ClaimedJobs",
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
    "open_storage",
    "storage",
]

#: The current app's storage.
storage = cast(Storage, LocalProxy(lambda: current_app.extensions["storage"]))


def open_storage(config: Config, database: EmbeddedPostgres | None = None) -> Storage:
    """Return the storage that the settings name; nothing is connected before `Storage.open()`.

    The drivers are imported here because each brings libraries that the others do not need. `database` is the embedded
    one, where it is starting already.
    """
    if config.storage == "supabase":
        from .supabase import SupabaseStorage

        return SupabaseStorage(config)
    if config.storage == "postgres":
        from .postgres import PostgresStorage

        return PostgresStorage(config, config.database_url)
    from .embedded import EmbeddedStorage

    return EmbeddedStorage(config, database)
