"""The wheel of `make dist`, installed and started: minutes of installing, so only with DIST=1 (`make dist-test`)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
import requests

from tests.support.server import free_port

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.skipif("DIST" not in os.environ, reason="takes minutes: DIST=1, or `make dist-test`"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def wheel() -> Path:
    """The wheel that `make dist` has built."""
    (built,) = (ROOT / "dist").glob("chat-*.whl")
    return built


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a blank in its path."""
    directory = tmp_path_factory.mktemp("a place") / "of its own"
    directory.mkdir()
    return directory


@pytest.fixture(scope="module")
def chat(wheel: Path, place: Path) -> Path:
    """The command, installed from the wheel into a virtualenv of its own."""
    subprocess.run([sys.executable, "-m", "venv", str(place / "venv")], check=True)
    pip = [str(place / "venv/bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, str(wheel)], check=True)
    return place / "venv/bin/chat"


def test_the_wheel_holds_the_schema_the_pages_and_the_documents(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    assert {"chat/migrations.sql", "chat/README.md", "chat/docs/clients.md", "chat/web/index.html"} <= names
    assert {f"chat/web/{path.name}" for path in (ROOT / "chat/web").iterdir() if path.is_file()} <= names
    assert not [name for name in names if not name.startswith(("chat/", "chat-"))]  # nothing called `wsgi` or `tests`


@pytest.fixture
def served(chat: Path, place: Path) -> Iterator[str]:
    """The address of the server that the command starts on its embedded database."""
    port = free_port()
    env = {"PATH": os.environ["PATH"], "PORT": str(port)}
    with subprocess.Popen([chat], cwd=place, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if requests.get(f"http://127.0.0.1:{port}/ready", timeout=5).ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stdout
        assert b"Chat server on" in process.stdout.read()


def test_it_serves(served: str, chat: Path, place: Path) -> None:
    ann = requests.post(f"{served}/users/create", json={"username": "ann"}, timeout=10).json()
    assert ann["username"] == "ann"
    assert "<title>Chat" in requests.get(served, timeout=10).text
    migrated = subprocess.run([chat, "migrate"], cwd=place, capture_output=True, text=True, check=True)
    assert "up to date" in migrated.stdout


def test_it_speaks(chat: Path, place: Path) -> None:
    version = subprocess.run([chat, "--version"], cwd=place, capture_output=True, text=True, check=True)
    assert version.stdout.startswith("chat, version ")
    wrong = subprocess.run(
        [chat, "migrate"], cwd=place, env={"PORT": "x", "PATH": ""}, capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, wrong.stderr) == (1, "chat: PORT must be a number, not 'x'.\n")
