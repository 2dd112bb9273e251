"""What a run needs before it begins: users, conversations and connected sessions on the server under load."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import psycopg

from .http import HttpCaller
from .ledger import Ledger
from .meter import Meter
from .socketio import Session
from .target import Target

CREATE_USERS = """
    insert into users (username, created_at) select 'member', now() from generate_series(1, %s) returning id::text
"""
#: Connections, or requests, that are being made at once while a run is prepared.
AT_ONCE = 64

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Server:
    """The server under load, as the program that started it tells: process ids are None when it runs elsewhere."""

    url: str
    pid: int | None = None
    database_pid: int | None = None
    database_url: str | None = None
    jwt_secret: str | None = None
    #: The tutorial's own server answers no event.
    acknowledges: bool = True


class Stage:
    """The server, its meter, the ledger of a run, and everything that was connected for it."""

    def __init__(self, server: Server) -> None:
        self.target = Target(server.url, server.jwt_secret)
        self.meter = Meter(server.pid, server.database_pid)
        self.ledger = Ledger()
        self.database_pid = server.database_pid
        self._server = server
        self._connections: list[HttpCaller | Session] = []

    async def users(self, count: int) -> list[str]:
        """Create users and return their ids: past the server where its database can be reached, to save time."""
        if self._server.database_url:
            with psycopg.connect(self._server.database_url, autocommit=True) as connection:
                return [row[0] for row in connection.execute(CREATE_USERS, (count,))]
        http = await self.http()
        return [json.loads(await http.post("/users/create", {"username": "member"}))["id"] for _ in range(count)]

    async def conversations(self, groups: Iterable[list[str]]) -> list[str]:
        """Open a conversation for each group of users, the first one its owner, and return their ids."""
        https = [await self.http() for _ in range(8)]
        free = asyncio.Queue[HttpCaller]()
        for each in https:
            free.put_nowait(each)

        async def open_one(user_ids: list[str]) -> str:
            http = await free.get()
            body = {"owner_id": user_ids[0], "participant_ids": user_ids[1:], "group_name": "room"}
            answer = await http.post("/conversations/create", body, user_ids[0])
            free.put_nowait(http)
            return str(json.loads(answer)["id"])

        return await asyncio.gather(*map(open_one, groups))

    async def http(self) -> HttpCaller:
        """Return a new connection."""
        caller = await HttpCaller.connect(self.target)
        self._connections.append(caller)
        return caller

    async def connect(self, user_id: str, receive_buffer: int = 0) -> Session:
        """Return a session that enters what it hears into the ledger, before its `join`."""
        session = await Session.connect(self.target, user_id, self.ledger.hear, receive_buffer)
        self._connections.append(session)
        return session

    async def session(self, user_id: str) -> Session:
        """Return a session that has joined."""
        session = await self.connect(user_id)
        joined = asyncio.ensure_future(session.join())
        await asyncio.wait([joined], timeout=None if self._server.acknowledges else 0.2)
        if self._server.acknowledges:
            joined.result()
        else:
            joined.cancel()
        return session

    async def sessions(self, user_ids: Iterable[str]) -> list[Session]:
        """Return a session for each user."""
        return await many(self.session, user_ids)

    def fault(self) -> str:
        """Return what went wrong with the deliveries, empty if every message was heard exactly once."""
        missing, surplus = self.ledger.missing, self.ledger.surplus
        if not missing and not surplus:
            return ""
        lost = sum(isinstance(each, Session) and each.is_lost for each in self._connections)
        return (
            f"of {self.ledger.sent} sends {missing} deliveries are missing and {surplus} too many; "
            f"{lost} sessions were closed by the server"
        )

    def close(self) -> None:
        for each in self._connections:
            each.close()


@asynccontextmanager
async def staged(server: Server) -> AsyncIterator[Stage]:
    """Yield a stage whose connections are closed at the end."""
    stage = Stage(server)
    try:
        yield stage
    finally:
        stage.close()


async def many(function: Callable[[T], Awaitable[R]], items: Iterable[T]) -> list[R]:
    """Return `function` of every item, `AT_ONCE` of them under way."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> R:
        async with gate:
            return await function(item)

    return await asyncio.gather(*map(one, items))
