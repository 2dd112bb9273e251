"""Users, their profiles, their end."""

from typing import Any, NotRequired, TypedDict

from .calls import Caller, Calls, sql


class ChangedUser(TypedDict):
    """A profile after a change: as its owner sees it, and as everyone does if that part has changed."""

    profile: dict[str, Any]
    public: dict[str, Any] | None


class ExportPage(TypedDict):
    """A part of what is stored of a user: JSON objects, one a line, and the cursor of the next part."""

    lines: str
    next: NotRequired[dict[str, Any] | None]


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
        """Change the caller's own profile: username, avatar_url, about, custom (merged), share_receipts, share_presence.

        Raises 403 not_allowed for another's, 422 validation_failed when `custom` gets too large.
        """

    @sql
    def list_contacts(self, user_id: str, among: dict[str, Any]) -> list[str]:
        """Return those of `{user_ids}` who share a conversation with the user."""
