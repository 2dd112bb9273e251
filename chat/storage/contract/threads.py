"""Threads and mentions."""

from .calls import Caller, Calls, Page, sql


class Threads(Calls):
    """Threads, named by any of their messages; those with a message raise 404 message_not_found."""

    @sql
    def list_replies(
        self, caller: Caller, message_id: str, limit: int, before_seq: int | None = None, after_seq: int | None = None
    ) -> Page:
        """Return a page of replies, oldest first; `info` is as that of `list_messages`."""

    @sql
    def list_threads(
        self, caller: Caller, limit: int, before_at: str | None = None, before_id: str | None = None
    ) -> Page:
        """Return a page of the threads that the caller follows, the latest reply first; `info` is `{next}`."""

    @sql
    def read_thread(self, caller: Caller, message_id: str, read_seq: int) -> str:
        """Move the caller's pointer in a thread forward; return what is the caller's own in it (JSON text)."""

    @sql
    def follow_thread(self, caller: Caller, message_id: str, following: bool) -> str:
        """Follow a thread, or no longer; return what is the caller's own in it (JSON text)."""

    @sql
    def list_mentions(
        self, caller: Caller, limit: int, before_at: str | None = None, before_id: str | None = None
    ) -> Page:
        """Return a page of the messages that mention the caller, newest first; `info` is `{next}`."""
