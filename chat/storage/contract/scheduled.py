"""Scheduled messages."""

from typing import Any

from .calls import Caller, Calls, Change, Page, sql


class Scheduled(Calls):
    """Messages to send later; those with the id of one raise 404 scheduled_not_found, also for another's."""

    @sql
    def schedule_message(
        self, caller: Caller, conversation_id: str, draft: dict[str, Any], send_at: str
    ) -> dict[str, Any]:
        """Schedule a draft of `send_message` for a time, and return the scheduled message.

        Raises 404 conversation_not_found and message_not_found, 422 validation_failed, 409 too_many_scheduled. With a
        `client_id` that is scheduled already it is the first one.
        """

    @sql
    def list_scheduled(
        self, caller: Caller, limit: int, before_at: str | None = None, before_id: str | None = None
    ) -> Page:
        """Return a page of what the caller has scheduled, the soonest first; `info` is `{next}`."""

    @sql
    def update_scheduled(
        self, caller: Caller, scheduled_id: str, changes: dict[str, Any], send_at: str | None = None
    ) -> dict[str, Any]:
        """Change fields of a draft, and its time; return the scheduled message.

        Raises 404 conversation_not_found and message_not_found, 422 validation_failed.
        """

    @sql
    def delete_scheduled(self, caller: Caller, scheduled_id: str) -> str:
        """Delete a scheduled message, and return it (JSON text)."""

    @sql
    def send_scheduled(self, scheduled_id: str, send_at: str) -> Change:
        """Send what is scheduled for this very time; the result is the message.

        It is empty when there is no such message any longer, or it may not be sent: the events say that.
        """
