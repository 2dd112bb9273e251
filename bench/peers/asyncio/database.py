"""The SQL functions as this peer calls them: the one file that knows their parameters and results."""

import json
from typing import Any, NamedTuple

import asyncpg


class Sent(NamedTuple):
    """A stored message: what to tell the members, None when it was told before; what to answer; the members."""

    announce: Any
    result: Any
    member_ids: list[str]


class Database:
    """A pool of connections; each prepares a statement the first time it is used."""

    def __init__(self, url: str, size: int = 10) -> None:
        self._url, self._size = url, size
        self._audiences: dict[str, dict[str, Any]] = {}

    async def open(self) -> None:
        """Connect."""
        self._pool = await asyncpg.create_pool(self._url, min_size=1, max_size=self._size, init=_configure)

    async def create_user(self, username: str) -> Any:
        return await self._call("chat_create_user", username=username, user_id=None, issued_at=None)

    async def get_user(self, user_id: str) -> Any:
        return await self._call("chat_get_user", user_id=user_id, issued_at=None)

    async def create_conversation(self, owner_id: str, participant_ids: list[str], name: str) -> Any:
        draft = {"participant_ids": participant_ids, "name": name}
        answer = await self._call("chat_create_conversation", user_id=owner_id, issued_at=None, draft=draft)
        return answer["result"]

    async def sync(self, user_id: str, since: dict[str, int], limit: int) -> Any:
        return await self._call("chat_sync", user_id=user_id, issued_at=None, since=since, cursor=None, limit=limit)

    async def send_message(self, user_id: str, conversation_id: str, message: str, client_id: str | None) -> Sent:
        caller = {"user_id": user_id, "issued_at": None, "conversation_id": conversation_id}
        sent = await self._call("chat_send_message", **caller, draft={"message": message, "client_id": client_id})
        if not sent["announce"]:
            return Sent(None, sent["result"], [])
        member_ids = await self._member_ids(conversation_id, sent["audience_version"])
        return Sent(sent["result"], sent["result"], member_ids)

    async def _member_ids(self, conversation_id: str, version: int) -> list[str]:
        """Return the members as of this version or a later one, fetched when they have changed."""
        audience = self._audiences.get(conversation_id)
        if audience is None or audience["audience_version"] < version:
            audience = await self._call("chat_get_audience", conversation_id=conversation_id)
            self._audiences[conversation_id] = audience
        return audience["user_ids"]

    async def _call(self, function: str, **values: Any) -> Any:
        names = ", ".join(f"p_{name} => ${i}" for i, name in enumerate(values, 1))
        return await self._pool.fetchval(f"select public.{function}({names})", *values.values())


async def _configure(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
