"""Conversations and their members."""

from typing import Any, TypedDict

from .calls import Caller, Calls, Change, Page, sql


class Audience(TypedDict):
    """The members of a conversation, and the version at which they are those.

    `history_from` has the members who do not see everything: the number of the first message that exists for each.
    """

    audience_version: int
    user_ids: list[str]
    history_from: dict[str, int]


class Conversations(Calls):
    """Conversations: opened, listed; who belongs to them."""

    @sql
    def create_conversation(self, caller: Caller, draft: dict[str, Any]) -> Change:
        """Make a conversation from `{name, participant_ids}`; the result is the conversation with its participants.

        Raises 404 user_not_found when a participant does not exist.
        """

    @sql
    def list_conversations(
        self, caller: Caller, limit: int, message_limit: int, before_at: str | None = None, before_id: str | None = None
    ) -> Page:
        """Return the caller's conversations, most recently active first; `info.next` is the cursor `{at, id}`."""

    @sql
    def get_audience(self, conversation_id: str) -> Audience | None:
        """Return the members of a conversation, None when it is gone."""
