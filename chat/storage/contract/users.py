"""Users."""

from typing import Any

from .calls import Caller, Calls, sql


class Users(Calls):
    """Users: made, asked for, found by name."""

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
