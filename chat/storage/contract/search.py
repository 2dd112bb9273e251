"""Search of messages."""

from .calls import Caller, Calls, Page, sql


class Search(Calls):
    """Full text over messages."""

    @sql
    def search_messages(
        self,
        caller: Caller,
        query: str,
        conversation_id: str | None,
        author_id: str | None,
        limit: int,
        before_at: str | None = None,
        before_id: str | None = None,
    ) -> Page:
        """Return a page of the messages that the caller may see and that have all words of `query`, newest first.

        `info` is `{next}`, which may follow a page that is not full. Raises 404 conversation_not_found.
        """

    @sql
    def flush_search(self) -> int:
        """Move new messages from the list of those that wait into the index, so that no send must; return its pages."""
