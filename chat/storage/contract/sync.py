"""Sync."""

from .calls import Caller, Calls, sql


class Sync(Calls):
    """Everything a client missed."""

    @sql
    def sync(self, caller: Caller, since: dict[str, int] | None, cursor: str | None, limit: int) -> str:
        """Return `{conversations, removed, cursor, has_more, reset}` (JSON text).

        It is what changed since the versions in `since`, or since the answer that gave `cursor`.
        """
