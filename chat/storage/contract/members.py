"""The members of conversations: who comes, who goes, what they may."""

from typing import Any

from .calls import Caller, Calls, Change, Page, sql


class Members(Calls):
    """Members. Each method raises 404 conversation_not_found, also for a caller who is no member.

    `system_messages`: whether a change is told by a message in the conversation.
    """

    @sql
    def add_members(self, caller: Caller, conversation_id: str, draft: dict[str, Any], system_messages: bool) -> Change:
        """Add `{participant_ids, role?, history_from?}`; the result is the conversation, with `not_added`.

        Raises 403 not_allowed, 404 user_not_found.
        """

    @sql
    def join_conversation(self, caller: Caller, conversation_id: str, system_messages: bool) -> Change:
        """Enter a public conversation; the result is the conversation."""

    @sql
    def list_members(
        self, caller: Caller, conversation_id: str, limit: int, after: dict[str, Any] | None = None
    ) -> Page:
        """Return the members, the longest-standing first; `info.next` is the cursor `{at, id}`, `at` may be None."""

    @sql
    def update_member(self, caller: Caller, conversation_id: str, member_id: str, changes: dict[str, Any]) -> Change:
        """Change a member's `{role?, custom?}`; the result is the participant.

        Raises 403 not_allowed, 404 user_not_found for who is no member, 422 validation_failed.
        """

    @sql
    def remove_member(self, caller: Caller, conversation_id: str, member_id: str, system_messages: bool) -> Change:
        """Remove a member, or leave; the result is the participant. Raises 403 not_allowed, 404 user_not_found."""

    @sql
    def update_member_settings(self, caller: Caller, conversation_id: str, changes: dict[str, Any]) -> Change:
        """Change the caller's own `{pinned?, archived?, muted_until?, notifications?}`; the result has all four."""
