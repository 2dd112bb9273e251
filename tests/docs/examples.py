"""The programs of docs/examples.md, run as they stand there."""

import os
import re
import subprocess
import threading
from pathlib import Path
from queue import Empty, Queue

from tests.support.server import Server

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/examples.md").read_text()
ADDRESS = "http://127.0.0.1:3000"


def blocks(heading: str, language: str) -> list[str]:
    """Return the fenced blocks of a language under a `## heading`."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def paste(server: Server, directory: Path, script: str, variables: dict[str, str] | None = None) -> dict[str, str]:
    """Run a session of a shell; return the variables that it exports, and under `printed` what it prints."""
    assert ADDRESS in script or variables
    said = script.replace(ADDRESS, server.url) + "\necho ---\nenv\n"
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    done = subprocess.run(
        ["bash", "-eu"], input=said, capture_output=True, text=True, timeout=60, check=False, cwd=directory,
        env=environ | (variables or {}),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    printed, exported = done.stdout.split("\n---\n")
    return {**dict(line.split("=", 1) for line in exported.splitlines() if "=" in line), "printed": printed}


def install(directory: Path) -> None:
    """What `npm install ./clients/js` and `npm install socket.io-client` make: links to what is there."""
    modules, client = directory / "node_modules", ROOT / "clients/js"
    (modules / "@chat").mkdir(parents=True)
    (modules / "@chat" / "client").symlink_to(client)
    for package in (client / "node_modules").iterdir():
        if not package.name.startswith("."):
            (modules / package.name).symlink_to(package)


class Terminal:
    """A program with a terminal: lines go in, lines come out."""

    def __init__(self, command: list[str], directory: Path, variables: dict[str, str]) -> None:
        self._lines: Queue[str] = Queue()
        self._complaints = (directory / "complaints").open("w+")
        self._process = subprocess.Popen(
            command, cwd=directory, env={**os.environ, **variables}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))

    def shows(self, *lines: str) -> None:
        """Check that it shows these lines next."""
        for line in lines:
            try:
                assert self._lines.get(timeout=20) == line
            except Empty:
                self._complaints.seek(0)
                raise AssertionError(f"{line!r} is not shown; {self._complaints.read()}") from None

    def shows_nothing_more(self) -> bool:
        return self._lines.empty()

    def type(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.kill()
        self._process.wait(10)
        self._reader.join()
        self._process.stdin.close()
        self._process.stdout.close()
        self._complaints.close()
