"""Receipts."""

from typing import Any

from .calls import Caller, Calls, Change, sql


class Receipts(Calls):
    """How far members have received and read."""

    @sql
    def update_receipt(self, caller: Caller, conversation_id: str, receipt: dict[str, Any]) -> Change:
        """Move the caller's pointers forward to `{read_seq, delivered_seq}`; announced when one has moved.

        Raises 404 conversation_not_found, also for a caller who is no member.
        """

    @sql
    def list_receipts(self, caller: Caller, conversation_id: str) -> str:
        """Return every member's pointers (JSON text). Raises 404 conversation_not_found."""

    @sql
    def list_unread(self, caller: Caller) -> str:
        """Return `{total, conversations: {id: count}}` (JSON text)."""
