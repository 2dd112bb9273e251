"""Reactions.

Each method raises 404 message_not_found, also for a caller who may not see the message; all but the list for a deleted
one too.
"""

from .calls import Caller, Calls, Change, Page, sql


class Reactions(Calls):
    """Reactions to messages."""

    @sql
    def add_reaction(self, caller: Caller, message_id: str, emoji: str) -> Change:
        """React to a message; the result is the message. A second time nothing happens.

        Raises 403 blocked, frozen, 422 too_many_reactions for the 21st kind.
        """

    @sql
    def remove_reaction(self, caller: Caller, message_id: str, emoji: str) -> Change:
        """Take a reaction back; the result is the message. Without the reaction nothing happens."""

    @sql
    def list_reactions(
        self,
        caller: Caller,
        message_id: str,
        emoji: str | None,
        limit: int,
        before_at: str | None = None,
        before_id: str | None = None,
    ) -> Page:
        """Return a page of who reacted, the newest first; `info` is `{next: {at, id} or None}`."""
