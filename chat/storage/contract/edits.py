"""Messages that exist: read one by one, edited, deleted.

Each method raises 404 message_not_found, also for a caller who may not see the message.
"""

from typing import Any

from .calls import Caller, Calls, Change, Page, sql


class Edits(Calls):
    """Single messages."""

    @sql
    def get_message(self, caller: Caller, message_id: str) -> str:
        """Return a message (JSON text); of a deleted one what is left of it."""

    @sql
    def edit_message(self, caller: Caller, message_id: str, change: dict[str, Any]) -> Change:
        """Edit a message by `{message?, mentions?, attachments?, custom?, version?}`; the result is the message.

        Raises 403 not_allowed for anybody but the author, blocked, frozen; 404 message_not_found for a deleted one too,
        attachment_not_found; 409 version_conflict when it was edited after `version`; 422 validation_failed when too
        little is left of it, or `custom` has grown too large.
        """

    @sql
    def delete_message(self, caller: Caller, message_id: str) -> Change:
        """Delete a message, for its author or an admin; the result is what is left of it, with its `thread`.

        Raises 403 not_allowed. A second time nothing happens.
        """

    @sql
    def list_message_edits(self, caller: Caller, message_id: str, limit: int, after_version: int | None = None) -> Page:
        """Return a page of the earlier texts of a message, the oldest first; `info` is `{next: version or None}`."""
