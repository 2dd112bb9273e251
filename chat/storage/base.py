"""What the server asks of its database: one short method per SQL function of `migrations.sql`.

The rules live in the SQL functions, so every method here is one round trip and one transaction. Two
drivers know how to make the call: `postgres.py` over a connection, `supabase.py` over HTTP.

Any method raises `ChatError` for what a rule forbids (each names its codes), `StorageUnavailable`
when the database cannot be reached or does not answer in time, and `StorageFault` for a bug.
Ids are lower-case UUID strings, times are ISO 8601 strings in UTC.
"""

import json
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from ..errors import ChatError, StorageFault, StorageUnavailable

#: The version of `migrations.sql` that this code needs; the file stores the same number.
SCHEMA_VERSION = 1


class Actor(NamedTuple):
    """Who acts: the user's id and, when a token says so, the moment it was issued (Unix seconds)."""

    user_id: str
    issued_at: float | None = None


class Page(NamedTuple):
    """One page of a list: what its headers need, and the items as the JSON text that clients get."""

    info: dict[str, Any]
    items: str


def failure(sqlstate: str, message: str, detail: str | None) -> Exception:
    """Return the error that a SQLSTATE of the database stands for, the same for both drivers.

    `PTnnn` is how the SQL functions raise a `ChatError`: nnn the HTTP status, `message` its code.
    """
    if len(sqlstate) == 5 and sqlstate.startswith("PT") and sqlstate[2:].isdigit():
        return ChatError(int(sqlstate[2:]), message, detail or None)
    # Connection lost (08), resources (53), operator intervention and time-outs (57), lock not available, and
    # serialization: nothing was written and trying again may well work. 25006: a standby that is not promoted yet.
    if sqlstate[:2] in ("08", "53", "57") or sqlstate in ("55P03", "40001", "40P01", "25006"):
        return StorageUnavailable()
    return StorageFault(f"{sqlstate}: {message}")


class Storage(ABC):
    """The database, whichever it is."""

    @abstractmethod
    def open(self) -> None:
        """Connect, and make sure that the schema is the one this code needs. Raises `StartupError`."""

    @abstractmethod
    def migrate(self) -> str:
        """Bring the schema up to date and return a sentence on what was done. Raises `StartupError`."""

    @abstractmethod
    def close(self) -> None:
        """Let go of every connection; safe to call twice."""

    @abstractmethod
    def call_text(self, function: str, **args: Any) -> str:
        """Run one SQL function with named arguments and return its result as JSON text."""

    def call(self, function: str, **args: Any) -> Any:
        """Run one SQL function with named arguments and return its result."""
        return json.loads(self.call_text(function, **args))

    def _page(self, function: str, **args: Any) -> Page:
        """Run a function that returns `{"info": …, "items": […]}` without parsing the items.

        PostgreSQL writes the keys in this order and `info` holds no text of a user, so the first
        `"items"` is the key.
        """
        head, _, items = self.call_text(function, **args).partition(', "items" : ')
        return Page(json.loads(head + "}")["info"], items[:-1])

    # health

    def schema_version(self) -> int:
        """Return the version of the schema in the database."""
        return int(self.call("chat_schema_version"))

    # users

    def create_user(self, username: str, user_id: str | None = None, issued_at: float | None = None) -> dict[str, Any]:
        """Make a user, or with `user_id` (a token's subject) make or rename that one; return it.

        Raises 401 token_invalid for a revoked token.
        """
        return self.call("chat_create_user", p_username=username, p_user_id=user_id, p_issued_at=issued_at)

    def get_user(self, actor: Actor) -> dict[str, Any]:
        """Return the acting user. Raises 404 user_not_found, 401 token_invalid — as every method with an `actor`."""
        return self.call("chat_get_user", **_acting(actor))

    def search_users(self, actor: Actor, query: str | None) -> str:
        """Return up to 50 users other than the caller, whose name has `query` in it, by name (JSON text)."""
        return self.call_text("chat_search_users", **_acting(actor), p_query=query)

    # tokens

    def revoke_tokens(self, actor: Actor) -> dict[str, Any]:
        """Refuse all tokens of the user issued before now; return `{user_id, revoked_at}` (Unix seconds)."""
        return self.call("chat_revoke_tokens", **_acting(actor))

    def list_revocations(self, seconds: float) -> list[dict[str, Any]]:
        """Return the revocations of the last `seconds`: `[{user_id, revoked_at}]`."""
        return self.call("chat_list_revocations", p_seconds=seconds)

    # conversations

    def create_conversation(self, actor: Actor, participant_ids: list[str], name: str) -> dict[str, Any]:
        """Make a conversation; return `{conversation, recipients: [user id of each listed participant]}`.

        Raises 404 user_not_found when a participant does not exist.
        """
        return self.call("chat_create_conversation", **_acting(actor), p_participant_ids=participant_ids, p_name=name)

    def list_conversations(
        self, actor: Actor, limit: int, message_limit: int, before_at: str | None = None, before_id: str | None = None
    ) -> Page:
        """Return the user's conversations, most recently active first; `info.next` is the cursor `{at, id}` or null."""
        return self._page(
            "chat_list_conversations",
            **_acting(actor),
            p_limit=limit,
            p_message_limit=message_limit,
            p_before_at=before_at,
            p_before_id=before_id,
        )

    # messages

    def list_messages(
        self,
        conversation_id: str,
        actor: Actor | None,
        limit: int,
        before_seq: int | None = None,
        after_seq: int | None = None,
        around_seq: int | None = None,
        after_date: str | None = None,
    ) -> Page:
        """Return a page of messages, oldest first; `info` is `{first_seq, last_seq, has_more_before, has_more_after}`.

        Raises 404 conversation_not_found, also for whoever is no member. `actor` may be missing in open mode.
        """
        return self._page(
            "chat_list_messages",
            p_conversation_id=conversation_id,
            **_acting(actor),
            p_limit=limit,
            p_before_seq=before_seq,
            p_after_seq=after_seq,
            p_around_seq=around_seq,
            p_after_date=after_date,
        )

    def send_message(self, conversation_id: str, actor: Actor, message: str, client_id: str | None) -> dict[str, Any]:
        """Send a message; return `{message, recipients: [member id], repeated}`.

        With a `client_id` that was sent before, `message` is the first one and `repeated` is true. Raises 404
        conversation_not_found, also for whoever is no member.
        """
        return self.call(
            "chat_send_message",
            p_conversation_id=conversation_id,
            **_acting(actor),
            p_message=message,
            p_client_id=client_id,
        )

    # receipts

    def update_receipt(
        self, conversation_id: str, actor: Actor, read_seq: int | None, delivered_seq: int | None
    ) -> dict[str, Any]:
        """Move the user's pointers forward; return `{receipt, recipients: [member id]}`, no recipients if none moved.

        Raises 404 conversation_not_found, also for whoever is no member.
        """
        return self.call(
            "chat_update_receipt",
            p_conversation_id=conversation_id,
            **_acting(actor),
            p_read_seq=read_seq,
            p_delivered_seq=delivered_seq,
        )

    def list_receipts(self, conversation_id: str, actor: Actor) -> str:
        """Return every member's pointers (JSON text). Raises 404 conversation_not_found."""
        return self.call_text("chat_list_receipts", p_conversation_id=conversation_id, **_acting(actor))

    def list_unread(self, actor: Actor) -> str:
        """Return `{total, conversations: {id: count}}` (JSON text)."""
        return self.call_text("chat_list_unread", **_acting(actor))

    # sync

    def sync(self, actor: Actor, since: dict[str, int], limit: int) -> str:
        """Return `{conversations, removed, has_more}`: what changed since the versions known (JSON text)."""
        return self.call_text("chat_sync", **_acting(actor), p_since=since, p_limit=limit)


def _acting(actor: Actor | None) -> dict[str, Any]:
    user_id, issued_at = actor or (None, None)
    return {"p_user_id": user_id, "p_issued_at": issued_at}
