"""The SQL functions as this peer calls them: the one file that knows their parameters and results."""

import json
from typing import Any, NamedTuple

import asyncpg

TAKES_DRAFT = "select exists (select from pg_proc where proname = 'chat_send_message' and 'p_draft' = any(proargnames))"


class Sent(NamedTuple):
    """A stored message: what to tell the members, None when it was told before; what to answer; the members."""

    announce: Any
    result: Any
    member_ids: list[str]


class Database:
    """A pool of connections; each prepares a statement the first time it is used."""

    def __init__(self, url: str, size: int = 10) -> None:
        self._url, self._size = url, size
        self._takes_draft = False
        self._audiences: dict[str, dict[str, Any]] = {}

    async def open(self) -> None:
        """Connect, and find out which of its two signatures chat_send_message has in this database."""
        self._pool = await asyncpg.create_pool(self._url, min_size=1, max_size=self._size, init=_configure)
        self._takes_draft = await self._pool.fetchval(TAKES_DRAFT)

    async def create_user(self, username: str) -> Any:
        return await self._call("chat_create_user", username=username, user_id=None, issued_at=None)

    async def get_user(self, user_id: str) -> Any:
        return await self._call("chat_get_user", user_id=user_id, issued_at=None)

    async def create_conversation(self, owner_id: str, participant_ids: list[str], name: str) -> Any:
        answer = await self._call(
            "chat_create_conversation", user_id=owner_id, issued_at=None, participant_ids=participant_ids, name=name
        )
        return answer.get("conversation") or answer["result"]

    async def sync(self, user_id: str, since: dict[str, int], limit: int) -> Any:
        return await self._call("chat_sync", user_id=user_id, issued_at=None, since=since, limit=limit)

    async def send_message(self, user_id: str, conversation_id: str, message: str, client_id: str | None) -> Sent:
        caller = {"user_id": user_id, "issued_at": None, "conversation_id": conversation_id}
        if not self._takes_draft:
            sent = await self._call("chat_send_message", **caller, message=message, client_id=client_id)
            return Sent(None if sent["repeated"] else sent["message"], sent["message"], sent["recipients"])
        sent = await self._call("chat_send_message", **caller, draft={"message": message, "client_id": client_id})
        told = sent["announce"] is not None
        member_ids = await self._member_ids(conversation_id, sent["audience_version"]) if told else []
        return Sent(sent["announce"], sent["result"], member_ids)

    async def _member_ids(self, conversation_id: str, version: int) -> list[str]:
        """Return the members as of this version or a later one, fetched when they have changed."""
        audience = self._audiences.get(conversation_id)
        if audience is None or audience["audience_version"] < version:
            audience = await self._call("chat_list_audience", conversation_id=conversation_id)
            self._audiences[conversation_id] = audience
        return audience["user_ids"]

    async def _call(self, function: str, **values: Any) -> Any:
        names = ", ".join(f"p_{name} => ${i}" for i, name in enumerate(values, 1))
        return await self._pool.fetchval(f"select public.{function}({names})", *values.values())


async def _configure(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
