"""The real server, started as `python wsgi.py` in a process of its own, and clients of it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import engineio
import requests
import socketio
import urllib3
import websocket

from .documented import check_acknowledgement

WSGI = Path(__file__).parents[2] / "wsgi.py"


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One run, or several one after the other, of the real server on one port."""

    def __init__(self, directory: Path, settings: dict[str, str], program: Path = WSGI) -> None:
        self._program = program
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / f"server-{self.port}.log"
        self._directory = directory
        self._settings = settings
        self.database_url = settings.get("DATABASE_URL", "")
        self.process: subprocess.Popen[bytes] | None = None
        self.http = urllib3.PoolManager(maxsize=16, retries=False)

    def start(self) -> None:
        """Start it and wait until it answers."""
        environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(self._program)],
                cwd=self._directory,
                env={**environ, "PORT": str(self.port), "LOG_LEVEL": "warning", **self._settings},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_until_ready()

    def wait_until_ready(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            try:
                if self.http.request("GET", f"{self.url}/ready", timeout=5).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError("the server does not get ready: " + self.log.read_text())

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit code; safe to call twice."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(30)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.stop(signal.SIGKILL)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> urllib3.BaseHTTPResponse:
        """Make one request with a JSON body; header names with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(method, self.url + path, json=body, headers=named, timeout=30)


#: Engine.IO's packet that closes a session.
FAREWELL = b"1"


class InOrder(engineio.Client):
    """Handles one packet after the other; the original starts a thread for each, and they overtake each other."""

    def _trigger_event(self, event: str, *args: Any, run_async: bool = False, **options: Any) -> Any:
        return super()._trigger_event(event, *args, run_async=False, **options)

    def disconnect(self, abort: bool = False, reason: Any = None) -> None:
        """Close the connection; in a handler it cannot wait for the thread that reads, which is its own.

        The original leaves the farewell to a thread that may have ended before it says it. A server that polls are
        made to would then answer the last one with its next ping, half a minute later.
        """
        if self.state == "connected" and self.current_transport == "polling":
            self._send_request("POST", self.base_url, {"Content-Type": "text/plain"}, FAREWELL, timeout=5)
        super().disconnect(abort=abort or self.read_loop_task is threading.current_thread(), reason=reason)


class SocketClient(socketio.Client):
    """A Socket.IO client whose handlers run in the order in which the events arrive; they must not wait for others."""

    def _engineio_client_class(self) -> type[engineio.Client]:
        return InOrder


class Device:
    """A connected Socket.IO client that keeps what it hears."""

    def __init__(self, server: Server, auth: Any = None, transports: list[str] | None = None, **headers: str) -> None:
        self.heard: Queue[tuple[str, Any]] = Queue()
        # Ours, because the client forgets to close its own: the session, and a socket whose server went away before
        # it said the first word.
        self._session = requests.Session()
        self._websockets: list[websocket.WebSocket] = []
        self.socket = SocketClient(
            reconnection=False,
            http_session=self._session,
            websocket_extra_options={"class_": self._make_websocket},
        )
        self.socket.on("*", lambda event, data=None: self.heard.put((event, data)))
        self.socket.on("disconnect", lambda reason=None: self.heard.put(("disconnect", reason)))
        self.socket.on("connect_error", lambda data=None: self.heard.put(("connect_error", data)))
        try:
            self.socket.connect(server.url, auth=auth, headers=headers, transports=transports or ["websocket"])
        except BaseException:
            self.close()
            raise

    def _make_websocket(self, **options: Any) -> websocket.WebSocket:
        self._websockets.append(websocket.WebSocket(**options))
        return self._websockets[-1]

    @property
    def sid(self) -> str:
        return str(self.socket.get_sid())

    def call(self, event: str, data: Any = None) -> Any:
        """Send an event and return its acknowledgement."""
        acknowledgement = self.socket.call(event, data, timeout=20)
        check_acknowledgement(event, acknowledgement)
        return acknowledgement

    def join(self, user: dict[str, Any], **more: Any) -> Any:
        return self.call("join", {"id": user["id"], **more})

    def hear(self, event: str, seconds: float = 10) -> Any:
        """Return what the next event of this name carries; others before it are dropped."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                name, data = self.heard.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                raise AssertionError(f"{event} was not heard") from None
            if name == event:
                return data

    def heard_so_far(self) -> list[tuple[str, Any]]:
        """Return all events that were sent to it before now: they arrive before the answer to a call."""
        self.call("no such event")
        return [self.heard.get() for _ in range(self.heard.qsize())]

    def hears_nothing(self, seconds: float = 0.3) -> bool:
        """Whether no event arrives for a while."""
        time.sleep(seconds)
        return self.heard.empty()

    def close(self) -> None:
        self.socket.disconnect()
        for each in self._websockets:  # left open when the server has gone
            each.shutdown()
        self._session.close()

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
