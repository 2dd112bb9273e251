"""Who has blocked whom, and what else keeps events from somebody."""

from typing import Any, TypedDict

from .calls import Caller, Calls, Page, sql


class Privacy(TypedDict):
    """Whether a user shares receipts, and with whom there is a block, of whichever of the two."""

    share_receipts: bool
    blocked_with: list[str]


class Blocks(Calls):
    """Blocks."""

    @sql
    def block_user(self, caller: Caller, target_id: str) -> str:
        """Block a user and return `{user, created_at}` (JSON text); once is enough.

        Raises 404 user_not_found, 403 not_allowed for oneself.
        """

    @sql
    def unblock_user(self, caller: Caller, target_id: str) -> str:
        """Take a block back, if there is one; `created_at` is null (JSON text). Raises 404 user_not_found."""

    @sql
    def list_blocks(
        self, caller: Caller, limit: int, before_at: str | None = None, before_id: str | None = None
    ) -> Page:
        """Return whom the caller has blocked, the latest first; `info.next` is the cursor `{at, id}`."""

    @sql
    def list_privacy(self, of: dict[str, Any]) -> dict[str, Privacy]:
        """Return what is to be respected of each of `{user_ids}`, by id; nothing for who does not exist."""
