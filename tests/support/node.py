"""The programs of tests/javascript, run by Node: what a test tells them and what they say are lines of JSON."""

import fcntl
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

from .server import Server

DIRECTORY = Path(__file__).parents[1] / "realtime" / "javascript"

needs_node = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="Node.js with npm is not installed"
)


def install(path: Path = DIRECTORY) -> None:
    """Fetch the programs' packages unless they are there; one process of the tests does it, the others wait."""
    directory = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        done, wanted = path / "node_modules" / ".package-lock.json", path / "package-lock.json"
        if done.exists() and done.stat().st_mtime >= wanted.stat().st_mtime:
            return
        run = subprocess.run(["npm", "ci"], cwd=path, capture_output=True, text=True, timeout=100)
        if run.returncode:
            pytest.skip(f"npm cannot install what the tests need: {run.stderr.strip().splitlines()[-1]}")
    finally:
        os.close(directory)


class Program:
    """A Node process; each line is `[name, data]`."""

    def __init__(self, script: str, *arguments: str, directory: Path = DIRECTORY) -> None:
        self._process = subprocess.Popen(
            ["node", script, *arguments], cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._heard: Queue[tuple[str, Any]] = Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            name, *data = json.loads(line)
            self._heard.put((name, data[0] if data else None))

    def emit(self, name: str, *data: Any) -> None:
        """Tell it to do something; what comes of it is heard as `answer`."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([name, *data]) + "\n")
        self._process.stdin.flush()

    def call(self, name: str, *data: Any) -> Any:
        """Tell it to do something and return what comes of it."""
        self.emit(name, *data)
        return self.hear("answer")

    def hear(self, name: str) -> Any:
        """Return what the next line carries, which must be of this name."""
        try:
            heard, data = self._heard.get(timeout=20)
        except Empty:
            raise AssertionError(f"{name} was not heard") from None
        assert heard == name, (heard, data)
        return data

    def hear_at_last(self, name: str) -> Any:
        """Return what the next line of this name carries; others before it are dropped."""
        while True:
            heard, data = self._heard.get(timeout=20)
            if heard == name:
                return data

    def hears_nothing_more(self) -> bool:
        """Whether everything that it has said so far was read."""
        return self._heard.empty()

    def is_running(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """End it; it must not have failed."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        assert self._process.wait(10) == 0
        self._reader.join()
        self._process.stdout.close()


class JavaScriptDevice(Program):
    """The official client (see client.js); options are those of `io()`, events are sent by their names."""

    def __init__(self, url: str, **options: Any) -> None:
        options = {"reconnectionDelay": 50, "reconnectionDelayMax": 200, **options}
        super().__init__("client.js", url, json.dumps(options))


class TutorialApp(Program):
    """The tutorial's mobile client (see tutorial.js), which does what its user wants."""

    def __init__(self, server: Server) -> None:
        super().__init__("tutorial.js", server.url)
