"""The tutorial's way to send a message, for the comparison: two statements and an event for each connected member.

    DATABASE_URL=… PORT=… python bench/peers/tutorial.py

Built like the server that it is compared with (Flask, Flask-SocketIO, eventlet, psycopg), so that the work differs and
not the language. It is spared what costs the tutorial most: the statements go straight to PostgreSQL, not through
Supabase's API, and nothing is checked.
"""

import warnings

warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")

import eventlet

eventlet.monkey_patch()

import os
import socket
from typing import Any

os.environ["PSYCOPG_WAIT_FUNC"] = "wait_select"  # the one that is green under eventlet

from eventlet import wsgi
from flask import Flask, request
from flask_socketio import SocketIO, join_room
from psycopg_pool import ConnectionPool

# What PostgREST makes of `.upsert(…).select("*, users(id, username), conversations(*)")` and of `.select("user_id")`.
SEND = """
    with sent as (
        insert into messages (conversation_id, user_id, message, created_at) values (%s, %s, %s, now()) returning *
    )
    select (to_jsonb(sent) || jsonb_build_object(
        'users', jsonb_build_object('id', u.id, 'username', u.username), 'conversations', to_jsonb(c)))
    from sent join users as u on u.id = sent.user_id join conversations as c on c.id = sent.conversation_id
"""
MEMBERS = "select user_id::text from user_conversation where conversation_id = %s"
CREATE_USER = "insert into users (username, created_at) values (%s, now()) returning to_jsonb(users)"
CREATE_ROOM = """
    insert into conversations (name, owner_user_id, created_at) values (%s, %s, now()) returning to_jsonb(conversations)
"""
ADD_MEMBER = "insert into user_conversation (user_id, conversation_id) values (%s, %s) returning id::text"


def main(database_url: str, port: str) -> None:
    options = {"autocommit": True, "prepare_threshold": None}
    pool = ConnectionPool(database_url, kwargs=options, min_size=1, max_size=10, open=True)
    app = Flask(__name__)
    socketio = SocketIO(app, async_mode="eventlet", cors_allowed_origins="*")

    def query(statement: str, *values: Any) -> list[Any]:
        with pool.connection() as connection:
            return [row[0] for row in connection.execute(statement, values)]

    @app.post("/users/create")
    def create_user() -> Any:
        return query(CREATE_USER, request.json["username"])[0]

    @app.post("/conversations/create")
    def create_conversation() -> Any:
        body = request.json
        room = query(CREATE_ROOM, body["group_name"], body["owner_id"])[0]
        for user_id in (body["owner_id"], *body["participant_ids"]):
            query(ADD_MEMBER, user_id, room["id"])
        return room

    @app.post("/conversations/<room_id>/messages/create")
    def send(room_id: str) -> Any:
        body = request.json
        sent = query(SEND, room_id, body["user_id"], body["message"])[0]
        for user_id in query(MEMBERS, room_id):
            if user_id != body["user_id"]:
                socketio.emit("message", sent, to=user_id)
        return sent

    @socketio.on("join")
    def join(user: dict[str, Any]) -> dict[str, Any]:
        join_room(user["id"])
        return user

    listener = eventlet.listen(("127.0.0.1", int(port)))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wsgi.server(listener, app, log_output=False)


if __name__ == "__main__":
    main(os.environ["DATABASE_URL"], os.environ["PORT"])
