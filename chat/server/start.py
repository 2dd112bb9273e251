"""What a start does before the app is imported, which takes a while: the port is taken, the database gets ready."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socketpair
from typing import TYPE_CHECKING, Any

import eventlet
from eventlet.queue import LightQueue

from ..config import Config
from ..embedded import ClusterError, EmbeddedPostgres
from ..errors import StartupError
from .listen import Listener

if TYPE_CHECKING:
    from ..storage import Storage

#: What python-socketio imports if it is there, for its clients and its message queues: 20 MB and 0.1 s, not used here.
UNUSED = ("redis", "valkey", "kombu", "kafka", "aiohttp", "requests", "websocket")


class Start:
    """The settings, the port and the signals of a server that starts, and its embedded database, if it has one."""

    def __init__(self) -> None:
        """Raises `StartupError`. When the port is taken nothing has been started."""
        self.config = Config.from_env(os.environ)
        self.listener = Listener(self.config.host, self.config.port)
        self._signals = _signals()
        self._database: EmbeddedPostgres | None = None
        self._starting: Any = None
        if self.config.storage == "embedded":
            self._database = EmbeddedPostgres(Path(self.config.data_dir))
            self._starting = _begin(self._database.start)
        import_socketio()

    def new_storage(self) -> "Storage":
        """Return the storage that the settings name, for the app; nothing is connected yet."""
        from ..storage import open_storage

        return open_storage(self.config, self._database)

    def finishes(self, open_storage: Callable[[], None]) -> bool:
        """Open the storage; return whether it came to its end before a signal did. Raises `StartupError`."""
        try:
            if self._starting and not self._finishes(self._starting):
                return False
        except ClusterError as error:
            raise StartupError(str(error)) from error
        return self._finishes(_begin(open_storage))

    def wait_for_signal(self) -> None:
        """Return when the server has to stop."""
        self._signals.get()

    @property
    def is_signalled(self) -> bool:
        """Whether another signal has come."""
        return not self._signals.empty()

    def close(self) -> None:
        """Leave nothing behind."""
        self.listener.close()
        if self._starting:
            self._starting.kill()
        if self._database:
            self._database.stop()

    def _finishes(self, task: Any) -> bool:
        task.link(self._signals.put)
        if self._signals.get() is not task:  # a signal came first
            task.kill()
            return False
        if error := task.wait():
            raise error
        return True


def _begin(function: Callable[[], Any]) -> Any:
    """Run `function` in a green thread, up to where it first waits; the thread returns the error that it raised."""

    def run() -> Exception | None:
        try:
            function()
        except Exception as error:  # returned, because the hub prints what a green thread raises
            return error
        return None

    task = eventlet.spawn(run)
    eventlet.sleep(0)
    return task


def import_socketio() -> None:
    """Import python-socketio without what it only imports if it is there."""
    with _hidden(UNUSED):
        import socketio  # noqa: F401


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Have the imports in the block find no module of these names, unless it has been imported already."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # to `import` None says that there is none
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


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
