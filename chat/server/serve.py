"""Serves the app until a signal comes: bind, open the storage, say so, and leave nothing behind at the end."""

import gc
import sys
import time
from contextlib import closing
from urllib.parse import urlsplit

import eventlet
from flask import Flask

from .. import green
from ..config import Config
from ..errors import StartupError
from ..extensions import socketio
from ..jobs import start_jobs
from .engine import Engine
from .frames import GOING_AWAY
from .gate import Gate
from .http import Http
from .listen import Listener, max_connections
from .loop import Loop
from .session import Socket
from .start import Start

#: Seconds that requests under way get to finish when the server stops.
DRAIN_TIMEOUT = 10
#: Sockets closed at once when the server stops, 50 times a second: their clients come back at once, but not together.
CLOSED_AT_ONCE = 100
#: What the handlers are told then.
SHUTDOWN = "server shutdown"


def serve(app: Flask, start: Start) -> int:
    """Serve `app` until SIGINT, SIGTERM or SIGHUP and return the exit code: 1 when it could not be started."""
    try:
        with closing(start):
            _serve(app, start)
    except StartupError as error:
        print(f"chat: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(app: Flask, start: Start) -> None:
    config: Config = app.config["CHAT"]
    storage = app.extensions["storage"]
    green.look_up_names_in_threads()
    try:
        if start.finishes(storage.open):
            app.extensions["tokens"].load_secret()
            storage.set_listeners(webhook=bool(config.webhook_url), push=bool(config.push_services))
            _announce(config, start.listener)
            _serve_until_signal(app, start)
    finally:
        storage.close()


def _serve_until_signal(app: Flask, start: Start) -> None:
    config: Config = app.config["CHAT"]
    loop = Loop(config.max_queued_bytes)
    Engine(socketio.server, loop.timers, config.max_queued_bytes).use(Socket)
    limit = max_connections()
    for document in "openapi", "asyncapi":
        app.extensions[document]()  # made now, so that nobody waits while the first one reads it
    gc.freeze()  # what has been imported stays for ever, and need not be looked through again and again
    start.listener.accept(loop, Gate(app, start.listener.address, limit), limit)
    jobs = start_jobs(app)
    start.wait_for_signal()
    _drain(start)
    jobs.stop()


def _drain(start: Start) -> None:
    """Stop accepting, let requests finish, then close the sockets; give up at the deadline or the next signal."""
    listener, deadline = start.listener, time.monotonic() + DRAIN_TIMEOUT

    def goes_on() -> bool:
        return not start.is_signalled and time.monotonic() < deadline

    def is_busy() -> bool:
        speakers = [connection.speaker for connection in listener.connections]
        requests = [speaker for speaker in speakers if isinstance(speaker, Http)]
        for each in requests:
            each.end_when_idle()
        return any(each.is_busy for each in requests)

    listener.close()
    while is_busy() and goes_on():
        eventlet.sleep(0.02)
    while (is_busy() or listener.connections) and goes_on():
        # Without a word of Socket.IO's: a client that is told "disconnect" does not come back by itself.
        for each in list(socketio.server.eio.sockets.values())[:CLOSED_AT_ONCE]:  # type: ignore[union-attr]
            each.end(SHUTDOWN, GOING_AWAY)
        eventlet.sleep(0.02)


def _announce(config: Config, listener: Listener) -> None:
    host, port = listener.address[:2]
    storages = {
        "embedded": f"embedded PostgreSQL in {config.data_dir}",
        # What follows the last @: never the password.
        "postgres": f"PostgreSQL at {urlsplit(config.database_url).netloc.rpartition('@')[2] or 'a local socket'}",
        "supabase": f"Supabase at {config.supabase_project_url}",
    }
    auth = "token: callers prove who they are"
    if config.auth_mode == "open":
        auth = "open: callers say who they are"
        if not config.is_loopback:
            auth = "open: ANYONE who reaches this address may act as anyone; AUTH_MODE=token asks for proof"
    print(f"Chat server on http://{f'[{host}]' if ':' in host else host}:{port}")
    print(f"Storage: {storages[config.storage]}")
    print(f"Auth: {auth}", flush=True)
