"""Messages that are older than they may get."""

from typing import TypedDict

from .calls import Calls, sql


class ExpiredConversations(TypedDict):
    """Conversations with messages to delete, and the last one that was looked at, None at the end."""

    ids: list[str]
    last: str | None


class Retention(Calls):
    """The deletion of old messages. `days` is how long the server keeps them, None for ever."""

    @sql
    def list_expired_conversations(self, days: int | None, after: str | None, limit: int) -> ExpiredConversations:
        """Look at `limit` conversations after the one with the id `after` for messages that are too old."""

    @sql
    def sweep_conversation(self, conversation_id: str, days: int | None, limit: int) -> int:
        """Delete the oldest messages of a conversation that are too old, `limit` at most; return how many.

        Their files are left for `claim_dead_attachments`.
        """
