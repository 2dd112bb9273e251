"""Files of messages."""

from typing import Any, TypedDict

from .calls import Caller, Calls, sql


class StoredAttachment(TypedDict):
    """What is needed to serve a file and its thumbnail."""

    id: str
    name: str
    type: str
    size: int
    thumbnail_type: str | None
    thumbnail_size: int | None


class Attachments(Calls):
    """Attachments: the row first, then the file, then the row says that it is there."""

    @sql
    def add_attachment(self, caller: Caller, file: dict[str, Any]) -> str:
        """Note a file that is about to be stored, and return its id, as JSON.

        `file` is `{name, type, size, width, height, thumbnail_type, thumbnail_size}`.
        """

    @sql
    def finish_attachment(self, caller: Caller, attachment_id: str) -> str:
        """Say that the file is stored, and return the attachment. Raises 404 attachment_not_found."""

    @sql
    def get_attachment(self, caller: Caller, attachment_id: str) -> StoredAttachment:
        """Return an attachment that the caller may read. Raises 404 attachment_not_found."""

    @sql
    def claim_dead_attachments(self, seconds: float, limit: int) -> list[str]:
        """Return ids of attachments whose files are to be deleted, and which nobody can read or send from now on.

        `seconds` is how long one may stay unsent. They are returned again until `delete_attachments`.
        """

    @sql
    def delete_attachments(self, ids: list[str]) -> int:
        """Forget claimed attachments, and return how many there were."""

    @sql
    def list_unknown_attachments(self, ids: list[str]) -> list[str]:
        """Return those of the ids that no attachment has."""
