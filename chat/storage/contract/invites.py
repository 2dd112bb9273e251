"""Invites: links that let people into a conversation."""

from typing import Any

from .calls import Caller, Calls, Change, Page, sql


class Invites(Calls):
    """Invites. A `code` that is unknown, expired, used up or taken back raises 404 invite_not_found."""

    @sql
    def create_invite(self, caller: Caller, conversation_id: str, code: str, draft: dict[str, Any]) -> str:
        """Make an invite from `{expires_in?, uses?}`. Raises 404 conversation_not_found, 403 not_allowed."""

    @sql
    def list_invites(
        self, caller: Caller, conversation_id: str, limit: int, before: dict[str, Any] | None = None
    ) -> Page:
        """Return the invites of a conversation, the newest first; `info.next` is the cursor `{at, code}`.

        Raises 404 conversation_not_found, 403 not_allowed.
        """

    @sql
    def get_invite(self, caller: Caller, code: str) -> str:
        """Return what an invite says: the conversation's name and how many its members are."""

    @sql
    def get_invite_conversation(self, code: str) -> dict[str, str]:
        """Return `{conversation_id}`: where an invite leads to."""

    @sql
    def accept_invite(self, caller: Caller, code: str, system_messages: bool) -> Change:
        """Enter the conversation of an invite; the result is the conversation."""

    @sql
    def delete_invite(self, caller: Caller, code: str) -> str:
        """Take an invite back. Raises 403 not_allowed for a member who is no admin and did not make it."""
