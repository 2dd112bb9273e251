"""What operators ask on the command line: of everything, whoever is a member."""

from typing import Any, TypedDict

from .calls import Calls, sql


class FoundUser(TypedDict):
    """A user in a list, with the number of conversations; `erased_at` is None for most."""

    id: str
    username: str
    created_at: str
    erased_at: str | None
    conversations: int


class FoundConversation(TypedDict):
    """A conversation in a list, with the numbers of its messages and members."""

    id: str
    name: str
    type: str
    last_activity_at: str
    messages: int
    members: int


class Database(TypedDict):
    """The database itself: its time (Unix seconds), its version, its limits, its size."""

    now: float
    version: str
    is_standby: bool
    max_connections: int
    bytes: int


class Operators(Calls):
    """What no route answers."""

    @sql
    def find_users(
        self,
        query: str | None,
        exact: bool,
        limit: int,
        after_name: str | None = None,
        after_id: str | None = None,
    ) -> list[FoundUser]:
        """Return users by name: with `query` in it, or of that very name; those after one of them on the next page."""

    @sql
    def describe_user(self, target_id: str) -> dict[str, Any] | None:
        """Return a user, also an erased one, with the numbers of its conversations and messages; None for no user."""

    @sql
    def find_conversations(
        self, query: str | None, limit: int, before_at: str | None = None, before_id: str | None = None
    ) -> list[FoundConversation]:
        """Return conversations, most recently active first; those before one of them on the next page."""

    @sql
    def describe_conversation(self, conversation_id: str, limit: int) -> dict[str, Any] | None:
        """Return a conversation with its first `limit` members, None when there is none."""

    @sql
    def describe_database(self) -> Database:
        """Return what the database says of itself."""

    @sql
    def age_demo(self, conversation_id: str, seconds: dict[str, float]) -> int:
        """Make the demo's messages in a conversation that has no others so old, and return how many they are.

        `seconds` are ages by `client_id`; those sent earlier must be older.
        """
