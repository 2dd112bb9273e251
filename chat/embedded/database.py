"""A PostgreSQL that starts by itself, shared by the processes of one machine.

Everything lives in one directory:

    DATA_DIR/postgres         the database cluster, and its Unix socket: it never listens on the network
    DATA_DIR/postgres.log     what PostgreSQL has to say
    DATA_DIR/postgres.lock    locked by the one process that starts or stops the database right now
    DATA_DIR/postgres.users   share-locked by every process that uses it; the last one to leave stops it

Locks and sockets say who is alive, not process ids in files: the kernel drops a lock and refuses a
connection when their process is gone, however it went.
"""

import atexit
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from threading import Thread
from typing import IO

from .cluster import START_TIMEOUT, STOP_TIMEOUT, Cluster, within
from .programs import ClusterError

log = logging.getLogger(__name__)

#: Seconds in which a database that has died is started again, or given up until the next call.
REVIVAL_TIMEOUT = 15
#: Seconds between two looks at whether a database that does not answer has died.
LOOK_INTERVAL = 1.0
#: Bytes of a file of PostgreSQL's write-ahead log.
LOG_FILE_SIZE = 16 * 1024 * 1024


class EmbeddedPostgres:
    """The PostgreSQL in `data_dir`, shared by all processes of this machine that name the same directory."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self._cluster = Cluster(self.data_dir)
        self._in_use: IO[bytes] | None = None
        self._reviving = False
        self._next_look = 0.0

    @property
    def url(self) -> str:
        """The database's libpq URL, known before it runs."""
        return self._cluster.url

    def is_running(self) -> bool:
        """Whether the database runs, for whomever."""
        return self._cluster.is_listening()

    def disk_is_full(self) -> bool:
        """Whether there is no space for the next file of PostgreSQL's log, without which it does not go on."""
        return disk_usage(self.data_dir).free < LOG_FILE_SIZE

    def start(self) -> str:
        """Make sure that the database runs, creating it the first time, and return its libpq URL.

        Raises `ClusterError`.
        """
        if self._in_use is None:
            try:
                self._start()
            except OSError as error:
                where = f" ({error.filename})" if error.filename not in (None, str(self.data_dir)) else ""
                raise ClusterError(
                    f"The data directory {self.data_dir} cannot be used: {error.strerror}{where}."
                ) from error
        return self.url

    def stop(self) -> None:
        """Leave the database, and stop it when no other process uses it. Safe to call twice."""
        if self._in_use is not None:
            with self._starting_or_stopping():
                self._leave()

    def revive(self) -> None:
        """Start the database again, in the background, if it has died: nobody else watches over it.

        May be called after every failure: it looks once a second at most.
        """
        now = time.monotonic()
        if self._in_use is None or self._reviving or now < self._next_look:
            return
        self._next_look = now + LOOK_INTERVAL
        if not self.is_running():
            self._reviving = True
            Thread(target=self._revive, daemon=True).start()

    def _revive(self) -> None:
        failure: Exception | None = None

        def try_once() -> bool:
            nonlocal failure
            try:
                with self._starting_or_stopping():
                    if self._in_use is not None:
                        self._ensure_running(self._in_use)
                return True
            except (ClusterError, OSError) as error:
                failure = error
                return False

        # Children of the dead one linger for a moment, and PostgreSQL does not start beside them.
        if within(REVIVAL_TIMEOUT, try_once, pause=1):
            log.warning("the embedded database had died and runs again")
        else:
            log.error("the embedded database has died: %s", failure)
        self._reviving = False

    def _start(self) -> None:
        if self.data_dir.exists() and not self.data_dir.is_dir():
            raise ClusterError(f"The data directory {self.data_dir} cannot be used: it is a file.")
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._starting_or_stopping():
            self._in_use = _open_lock(self.data_dir / "postgres.users")
            atexit.register(self.stop)
            try:
                self._ensure_running(self._in_use)
            except BaseException:  # also a Ctrl-C: what has been started must not be left behind
                self._leave()
                raise

    def _ensure_running(self, in_use: IO[bytes]) -> None:
        alone = _try_lock(in_use)
        fcntl.flock(in_use, fcntl.LOCK_SH)
        self._cluster.ensure_running(alone)

    def _leave(self) -> None:
        if self._in_use is None:  # another green thread was faster
            return
        try:
            # Turning the shared lock into an exclusive one succeeds when nobody else holds it.
            if _try_lock(self._in_use):
                self._cluster.shut_down()
        finally:
            self._in_use.close()
            self._in_use = None
            atexit.unregister(self.stop)

    @contextmanager
    def _starting_or_stopping(self) -> Iterator[None]:
        """Be the only process that starts or stops this database. Raises `ClusterError`."""
        with _open_lock(self.data_dir / "postgres.lock") as lock:
            # Asking again and again, because waiting inside the system would stop every green thread.
            if not within(START_TIMEOUT + STOP_TIMEOUT, lambda: _try_lock(lock)):
                raise ClusterError(
                    f"Another process has been starting or stopping the database in {self.data_dir} for minutes."
                )
            yield


def _open_lock(path: Path) -> IO[bytes]:
    return open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)


def _try_lock(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
