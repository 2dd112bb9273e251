"""Receipts."""

from typing import Any

from .calls import Caller, Calls, Change, Page, sql


class Receipts(Calls):
    """How far members have received and read."""

    @sql
    def update_receipt(self, caller: Caller, conversation_id: str, receipt: dict[str, Any]) -> Change:
        """Move the caller's pointers forward to `{read_seq, delivered_seq}`, or back to before `{unread_from}`.

        It is announced when one has moved: only to the caller when back, or when the caller shares no receipts.

        Raises 404 conversation_not_found, also for a caller who is no member.
        """

    @sql
    def list_receipts(self, caller: Caller, conversation_id: str, limit: int = 1000, after: str | None = None) -> Page:
        """Return the pointers of the members who share them, by user id; of a caller who does not its own.

        `info.next` is the id that the next page comes after. Raises 404 conversation_not_found.
        """

    @sql
    def list_unread(self, caller: Caller) -> str:
        """Return `{total, total_unmuted, conversations: {id: count}}` (JSON text)."""
