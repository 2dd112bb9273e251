"""Messages."""

from typing import Any

from .calls import Caller, Calls, Change, Page, sql


class Messages(Calls):
    """Messages: sent, listed. Each method raises 404 conversation_not_found, also for a caller who is no member."""

    @sql
    def list_messages(
        self,
        caller: Caller | None,
        conversation_id: str,
        limit: int,
        before_seq: int | None = None,
        after_seq: int | None = None,
        around_seq: int | None = None,
        after_date: str | None = None,
    ) -> Page:
        """Return a page of messages, oldest first; `info` is `{first_seq, last_seq, has_more_before, has_more_after}`.

        `caller` may be None in open mode.
        """

    @sql
    def send_message(self, caller: Caller, conversation_id: str, draft: dict[str, Any]) -> Change:
        """Send `{message, client_id}`; the result is the message.

        With a `client_id` that was sent before it is the first one, announced again while it is younger than a minute.
        """
