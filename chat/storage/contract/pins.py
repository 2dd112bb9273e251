"""Pinned messages."""

from .calls import Caller, Calls, Change, Page, sql


class Pins(Calls):
    """Pinned messages."""

    @sql
    def set_pin(self, caller: Caller, message_id: str, is_pinned: bool) -> Change:
        """Pin a message or take it off; the result is the message. What is so already stays.

        Raises 404 message_not_found, also for a deleted one, 403 not_allowed.
        """

    @sql
    def list_pins(
        self,
        caller: Caller,
        conversation_id: str,
        limit: int,
        before_at: str | None = None,
        before_id: str | None = None,
    ) -> Page:
        """Return a page of the pinned messages, the newest pin first; `info` is `{next: {at, id} or None}`.

        Raises 404 conversation_not_found.
        """
