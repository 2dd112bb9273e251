"""A peer to compare with: the same routes, events and SQL functions on Starlette, python-socketio and asyncpg.

    DATABASE_URL=… PORT=… python server.py

uvicorn runs it on uvloop and httptools. Callers say who they are, as in open mode. There are no tokens, no rate limits
and no validation.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import socketio
import uvicorn
from database import Database
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

database = Database(os.environ["DATABASE_URL"])
io = socketio.AsyncServer(async_mode="asgi")
#: The user of each session that has joined.
users: dict[str, str] = {}


async def send(user_id: str, conversation_id: str, message: str, client_id: str | None) -> Any:
    """Store a message and tell every socket of every member but the sender's."""
    sent = await database.send_message(user_id, conversation_id, message, client_id)
    others = [each for each in sent.member_ids if each != user_id]
    if sent.announce and others:
        await io.emit("message", sent.announce, to=others)
    return sent.result


async def create_user(request: Request) -> JSONResponse:
    body = await request.json()
    return JSONResponse(await database.create_user(body["username"]))


async def create_conversation(request: Request) -> JSONResponse:
    body = await request.json()
    owner_id, participant_ids = body["owner_id"], body["participant_ids"]
    conversation = await database.create_conversation(owner_id, participant_ids, body["group_name"])
    if others := [each for each in participant_ids if each != owner_id]:
        await io.emit("newConversation", conversation, to=others)
    return JSONResponse(conversation)


async def create_message(request: Request) -> JSONResponse:
    body = await request.json()
    conversation_id = request.path_params["id"]
    return JSONResponse(await send(body["user_id"], conversation_id, body["message"], body.get("client_id")))


@io.on("join")
async def join(sid: str, data: dict[str, Any]) -> Any:
    try:
        user = await database.get_user(data["id"])
        users[sid] = data["id"]
        await io.enter_room(sid, data["id"])
        if "since" not in data:
            return {"user": user}
        return {"user": user, **await database.sync(data["id"], data["since"], data.get("limit", 50))}
    except asyncpg.PostgresError as error:
        return {"error": problem(error)}


@io.on("sendMessage")
async def send_message(sid: str, data: dict[str, Any]) -> Any:
    try:
        return await send(users[sid], data["conversation_id"], data["message"], data.get("client_id"))
    except asyncpg.PostgresError as error:
        return {"error": problem(error)}


@io.on("disconnect")
def disconnect(sid: str) -> None:
    users.pop(sid, None)


def problem(error: asyncpg.PostgresError) -> dict[str, Any]:
    """Return what a client is told: the functions raise PTnnn for the HTTP status nnn."""
    if str(error.sqlstate).startswith("PT"):
        return {"status": int(str(error.sqlstate)[2:]), "code": error.args[0]}
    return {"status": 500, "code": "internal_error"}


def refuse(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, asyncpg.PostgresError)
    told = problem(error)
    return JSONResponse(told, told["status"])


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    await database.open()
    yield


routes = [
    Route("/users/create", create_user, methods=["POST"]),
    Route("/conversations/create", create_conversation, methods=["POST"]),
    Route("/conversations/{id}/messages/create", create_message, methods=["POST"]),
]
app = socketio.ASGIApp(
    io, Starlette(routes=routes, lifespan=lifespan, exception_handlers={asyncpg.PostgresError: refuse})
)

if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        log_level="warning",
        access_log=False,
        ws_per_message_deflate=False,  # as in socket.io
        timeout_graceful_shutdown=1,
    )
