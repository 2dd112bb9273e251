"""Messages."""

from typing import Any

from ...errors import ChatError
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
        """Send `{message, client_id, reply_to?, thread_id?, attachments?, mentions?, custom?}`; the result is it.

        To its sender alone it says `mentions_not_members`, where it mentions people who are none.
        Raises 403 frozen or blocked, 429 slow_mode, 404 message_not_found for a message it answers, and for what it
        attaches 404 attachment_not_found and 409 attachment_used.
        With a `client_id` that was sent before it is the first one, announced again while it is younger than a minute.
        """

    @sql
    def get_message_conversation(self, message_id: str) -> dict[str, str]:
        """Return `{conversation_id}` of a message, the same for ever. Raises 404 message_not_found."""

    @sql
    def send_messages(self, sends: list[dict[str, Any]]) -> list[Change | ChatError | None]:
        """Send many that are nothing but text: `[{user_id, issued_at, conversation_id, message, client_id}]`.

        Returns for each, in their order, what `send_message` returns or raises, None for one that must be sent alone.
        No two of one sender may have the same `client_id` in one conversation.
        """
