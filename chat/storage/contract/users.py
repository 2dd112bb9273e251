"""Users, their profiles, their end."""

from typing import Any, TypedDict

from .calls import Caller, Calls, Change, sql


class ChangedUser(TypedDict):
    """A profile after a change: as its owner sees it, and as everyone does if that part has changed."""

    profile: dict[str, Any]
    public: dict[str, Any] | None


class Erased(TypedDict):
    """A user who was erased: what is left of the profile, and when the tokens ended (Unix seconds)."""

    profile: dict[str, Any]
    erased_at: str
    revoked_at: float


class ExportPage(TypedDict):
    """A part of what is stored of a user: JSON objects, one a line, and the cursor of the next part."""

    lines: str
    next: dict[str, Any] | None


class Users(Calls):
    """Users: made, asked for, changed, found by name, exported, erased."""

    @sql
    def create_user(self, username: str, user_id: str | None = None, issued_at: float | None = None) -> dict[str, Any]:
        """Make a user, or with `user_id` (a token's subject) make or rename that one; return it.

        Raises 401 token_invalid for a revoked token.
        """

    @sql
    def get_user(self, caller: Caller) -> dict[str, Any]:
        """Return the caller."""

    @sql
    def search_users(self, caller: Caller, query: str | None) -> str:
        """Return up to 50 users other than the caller, whose name has `query` in it, by name (JSON text)."""

    @sql
    def get_profile(self, caller: Caller, target_id: str) -> str:
        """Return a user's profile (JSON text); the caller's own says what it shares. Raises 404 user_not_found."""

    @sql
    def update_user(self, caller: Caller, target_id: str, changes: dict[str, Any]) -> ChangedUser:
        """Change the caller's own username, avatar_url, about, custom (merged), share_receipts, share_presence,
        notifications.

        Raises 403 not_allowed for another's, 422 validation_failed when `custom` gets too large.
        """

    @sql
    def list_contacts(self, user_id: str, among: dict[str, Any]) -> list[str]:
        """Return those of `{user_ids}` who share a conversation with the user."""

    @sql
    def export_user(self, caller: Caller, target_id: str, cursor: dict[str, Any], limit: int) -> ExportPage:
        """Return a part of what is stored of the caller, from the start with `{}`, then with `next`.

        Raises 403 not_allowed for another user.
        """

    @sql
    def erase_user(self, caller: Caller, target_id: str, keep_messages: bool) -> Erased:
        """Erase the caller's profile and tokens, and add the job `erase_user` for the rest.

        Raises 403 not_allowed for another user, 404 user_not_found for one who was erased.
        """

    @sql
    def list_traces(self, target_id: str, keep_messages: bool) -> list[str]:
        """Return the conversations in which an erased user is a member, has reactions, or messages unless they stay."""

    @sql
    def erase_traces(
        self, target_id: str, conversation_id: str, keep_messages: bool, after_seq: int, limit: int
    ) -> Change:
        """Take an erased user out of a conversation, a part at a time: membership, reactions, messages.

        The result is `{next}`: the `after_seq` of the next part, None at the end.
        """

    @sql
    def erase_rest(self, target_id: str, limit: int) -> bool:
        """Delete what an erased user has outside conversations' logs, in parts; return whether that was all."""
