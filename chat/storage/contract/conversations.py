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
    """Conversations: opened, listed, changed, deleted; who belongs to them.

    Those with a `conversation_id` raise 404 conversation_not_found, also for a caller who is no member.
    `system_messages`: whether a change is told by a message in the conversation.
    """

    @sql
    def create_conversation(self, caller: Caller, draft: dict[str, Any]) -> Change:
        """Make a conversation from `{name, participant_ids}`; the result is the conversation with its participants.

        Raises 404 user_not_found when a participant does not exist. `not_added` are those who have blocked the caller.
        """

    @sql
    def open_direct_conversation(self, caller: Caller, other_user_id: str) -> Change:
        """Return the one conversation of two people, made where there is none.

        Raises 404 user_not_found, 403 blocked.
        """

    @sql
    def list_conversations(
        self,
        caller: Caller,
        limit: int,
        message_limit: int,
        archived: bool = False,
        before: dict[str, Any] | None = None,
    ) -> Page:
        """Return the caller's conversations: the pinned ones first, then the most recently active.

        Archived ones only with `archived`. `info.next` is the cursor `{pinned, at, id}`.
        """

    @sql
    def list_public_conversations(
        self,
        caller: Caller,
        query: str | None,
        limit: int,
        before_at: str | None = None,
        before_id: str | None = None,
    ) -> Page:
        """Return public conversations whose name contains `query`, the newest first; `info.next` is `{at, id}`."""

    @sql
    def get_conversation(self, caller: Caller, conversation_id: str) -> str:
        """Return a conversation as the caller sees it."""

    @sql
    def update_conversation(
        self, caller: Caller, conversation_id: str, changes: dict[str, Any], system_messages: bool
    ) -> Change:
        """Change what a conversation is like; `custom` is merged. Raises 403 not_allowed, 422 validation_failed."""

    @sql
    def delete_conversation(self, caller: Caller, conversation_id: str) -> Change:
        """Delete a conversation with everything in it. Raises 403 not_allowed for all but its owner."""

    @sql
    def get_audience(self, conversation_id: str) -> Audience | None:
        """Return the members of a conversation, None when it is gone."""
