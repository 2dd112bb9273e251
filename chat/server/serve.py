"""Serves the app until a signal comes: bind, open the storage, say so, and leave nothing behind at the end."""

import gc
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from socket import socketpair
from urllib.parse import urlsplit

import eventlet
from eventlet.queue import LightQueue
from flask import Flask

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

#: Seconds that requests under way get to finish when the server stops.
DRAIN_TIMEOUT = 10
#: Sockets closed at once when the server stops, 50 times a second: their clients come back at once, but not together.
CLOSED_AT_ONCE = 100
#: What the handlers are told then.
SHUTDOWN = "server shutdown"


def serve(app: Flask) -> int:
    """Serve `app` until SIGINT, SIGTERM or SIGHUP and return the exit code: 1 when it could not be started."""
    try:
        _serve(app)
    except StartupError as error:
        print(f"chat: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(app: Flask) -> None:
    config: Config = app.config["CHAT"]
    storage = app.extensions["storage"]
    with closing(
        Listener(config.host, config.port)
    ) as listener:  # first: when the port is taken nothing has been started
        signals = _signals()
        try:
            if _finishes(storage.open, signals):
                app.extensions["tokens"].load_secret()
                _announce(config, listener)
                _serve_until_signal(app, listener, signals)
        finally:
            storage.close()


def _finishes(function: Callable[[], None], signals: LightQueue) -> bool:
    """Run `function`, passing its errors on, and return whether it came to its end before a signal did."""

    def run() -> Exception | None:
        try:
            function()
        except Exception as error:  # returned, because the hub prints what a green thread raises
            return error
        return None

    task = eventlet.spawn(run)
    while not task.dead and signals.empty():
        eventlet.sleep(0.02)
    if not task.dead:
        task.kill()
        return False
    if error := task.wait():
        raise error
    return True


def _serve_until_signal(app: Flask, listener: Listener, signals: LightQueue) -> None:
    config: Config = app.config["CHAT"]
    loop = Loop(config.max_queued_bytes)
    Engine(socketio.server, loop.timers, config.max_queued_bytes).use(Socket)
    limit = max_connections()
    gc.freeze()  # what has been imported stays for ever, and need not be looked through again and again
    listener.accept(loop, Gate(app, listener.address, limit), limit)
    jobs = start_jobs(app)
    signals.get()
    _drain(listener, signals)
    jobs.stop()


def _drain(listener: Listener, signals: LightQueue) -> None:
    """Stop accepting, let requests finish, then close the sockets; give up at the deadline or the next signal."""
    deadline = time.monotonic() + DRAIN_TIMEOUT

    def goes_on() -> bool:
        return signals.empty() and time.monotonic() < deadline

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


def _signals() -> LightQueue:
    """Return a queue that gets an item for each signal to stop.

    A Python handler alone would not do: it runs inside the hub's epoll, which Python then simply resumes, and a
    timer set by the handler would wait for the next event. A byte in a socket is an event.
    """
    queue = LightQueue()
    reader, writer = socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup and background jobs ignore some on purpose
            signal.signal(number, lambda *_: None)

    def forward() -> None:
        while reader.recv(1):
            queue.put(writer)  # which keeps the writing end from being closed

    eventlet.spawn(forward)
    return queue


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
