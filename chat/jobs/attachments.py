"""What deletes files: those that nobody can read any more, and those that no row names."""

from itertools import islice
from typing import Any

from ..actions.attachments import thumbnail_key
from ..attachments import store
from ..schemas.fields import parse_id
from ..storage import storage

#: Seconds that a file may stay unsent, and that an upload may take.
UNSENT = 24 * 3600.0
#: Files that are looked at, or deleted, in one go.
BATCH = 100


def sweep_attachments(_: dict[str, Any]) -> None:
    """Delete the files of messages that are gone and of attachments that were not sent, then their rows."""
    while True:
        ids = storage.claim_dead_attachments(UNSENT, BATCH)
        store.delete([key for id in ids for key in (id, thumbnail_key(id))])
        storage.delete_attachments(ids)
        if len(ids) < BATCH:
            return


def sweep_files(_: dict[str, Any]) -> None:
    """Delete the files that no row names: of uploads that broke off, or of a database that was restored."""
    old = (key for key, age in store.files() if age > UNSENT)
    while files := list(islice(old, BATCH)):
        ids = {key: parse_id(key[:36]) for key in files}
        unknown = {None, *storage.list_unknown_attachments(sorted({id for id in ids.values() if id}))}
        store.delete([key for key, id in ids.items() if id in unknown])
