"""Serves the app until a signal comes: bind, open the storage, say so, and leave nothing behind at the end."""

import errno
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import eventlet
from eventlet import wsgi
from eventlet.queue import LightQueue
from flask import Flask

from .config import Config
from .errors import StartupError
from .extensions import socketio
from .jobs import start_jobs
from .protocol import IDLE_TIMEOUT, STALL_TIMEOUT, Protocol

#: Seconds that requests under way get to finish when the server stops.
DRAIN_TIMEOUT = 10
#: File descriptors to ask for, where the system has no limit of its own.
MAX_FILES = 1 << 16
#: File descriptors kept for everything but clients: database, log files, the listening socket.
RESERVED_FILES = 128


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
    with _bind(config.host, config.port) as listener:  # first: when the port is taken nothing has been started
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


def _serve_until_signal(app: Flask, listener: "Listener", signals: LightQueue) -> None:
    requests = Requests(app)
    accepting = eventlet.spawn(
        wsgi.server,
        listener,
        requests,
        protocol=Protocol,
        custom_pool=eventlet.GreenPool(_max_connections()),
        keepalive=IDLE_TIMEOUT,
        socket_timeout=STALL_TIMEOUT,
        log_output=False,
        debug=False,
    )
    accepting.link(lambda _: signals.put(None))
    jobs = start_jobs(app)
    signals.get()
    if accepting.dead:
        accepting.wait()  # raises what went wrong
    _drain(accepting, listener, requests, signals)
    jobs.stop()


def _drain(
    accepting: eventlet.greenthread.GreenThread, listener: "Listener", requests: "Requests", signals: LightQueue
) -> None:
    """Stop accepting, let requests finish, then close the sockets; give up at the deadline or the next signal."""
    deadline = time.monotonic() + DRAIN_TIMEOUT

    def wait_until(condition: Callable[[], bool]) -> None:
        while not condition() and signals.empty() and time.monotonic() < deadline:
            eventlet.sleep(0.02)

    # eventlet's server takes this for the end: it closes idle connections and waits for the others.
    accepting.kill(SystemExit)
    listener.close()
    wait_until(lambda: requests.running == 0)
    engineio = socketio.server.eio  # type: ignore[union-attr]
    # Without a word on the wire: a client that is told "disconnect" does not come back by itself.
    for client in list(engineio.sockets.values()):
        client.close(wait=False, abort=True)
    wait_until(lambda: accepting.dead)


class Requests:
    """The app, and how many requests it works on right now.

    Engine.IO's do not count: they wait for events by design, and are ended by closing their sockets.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self.running = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/socket.io/"):
            return self._app(environ, start_response)
        self.running += 1
        try:
            return self._app(environ, start_response)
        finally:
            self.running -= 1


class Listener(socket.socket):
    """A listening socket that survives what eventlet's server takes for its end: a client that hung up too early."""

    def accept(self) -> Any:
        while True:
            try:
                return super().accept()
            except OSError as error:
                if error.errno in (errno.EBADF, errno.EINVAL):
                    raise
                eventlet.sleep(0.05)  # no descriptors left, perhaps: they come back as clients leave


def _bind(host: str, port: int) -> Listener:
    """Return a socket that listens at this address. Raises `StartupError`."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = Listener(family, kind, proto)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it. With Nagle's algorithm two packets in a row wait 40 ms for each other.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        raise StartupError(_bind_problem(host, port, error)) from error
    return listener


def _bind_problem(host: str, port: int, error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"HOST={host} is not an address of this machine; 127.0.0.1 and 0.0.0.0 always are."
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program: stop that one, or set PORT to a free port."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"This user may not listen on port {port}: set PORT to a port above 1023."
    return f"The server cannot listen on {host}, port {port}: {error.strerror}."


def _max_connections() -> int:
    """Raise the limit of open files as far as it goes and return how many clients fit under it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):  # some systems refuse what they call the limit
            pass
    limit = MAX_FILES if soft == resource.RLIM_INFINITY else soft
    return max(limit - RESERVED_FILES, limit // 2)


def _signals() -> LightQueue:
    """Return a queue that gets an item for each signal to stop.

    A Python handler alone would not do: it runs inside the hub's epoll, which Python then simply resumes, and a
    timer set by the handler would wait for the next event. A byte in a socket is an event.
    """
    queue = LightQueue()
    reader, writer = socket.socketpair()
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
    host, port = listener.getsockname()[:2]
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
