"""Processes that are started here, waited for, and ended."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Seconds in which a server must answer, and in which it must end.
START_TIMEOUT, STOP_TIMEOUT = 30, 20


@contextmanager
def process(
    program: list[str], settings: dict[str, str], directory: Path, **options: Any
) -> Iterator[subprocess.Popen]:
    """Run a program in `directory`, with these settings as environment and nothing of ours, until the block ends."""
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    options = {"stdout": subprocess.DEVNULL, **options}
    with subprocess.Popen(program, env={**environ, **settings}, cwd=directory, **options) as started:
        try:
            yield started
        finally:
            started.terminate()
            try:
                started.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                started.kill()


def wait_until_serving(started: subprocess.Popen, url: str) -> None:
    """Wait until the server answers a request, with whatever status. Raises `RuntimeError` when it does not."""
    deadline = time.monotonic() + START_TIMEOUT
    while started.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=5):
                return
        except urllib.error.HTTPError as error:
            if error.code != 503:
                return
        except OSError:
            pass
        time.sleep(0.01)
    raise RuntimeError(f"{started.args} does not serve")
