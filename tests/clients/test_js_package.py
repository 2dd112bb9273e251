"""The JavaScript package: its own tests, its types, and that what is checked in was made from what is checked in."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.js import DIRECTORY
from tests.support.node import needs_node
from tests.support.server import Server

pytestmark = [needs_node, pytest.mark.usefixtures("js_packages")]

#: Bytes of what every app loads: the main entry as it is built, without socket.io-client.
LARGEST = 15_000


def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=DIRECTORY, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_own_tests_pass() -> None:
    run("node", "--test", *sorted(DIRECTORY.glob("test/*.test.js")))


def test_types_hold() -> None:
    run("node_modules/.bin/tsc", "--noEmit")


def test_what_is_built_is_not_stale() -> None:
    run("node", "scripts/build.mjs", "--check")


def test_the_main_entry_is_small_and_needs_socket_io_alone() -> None:
    main = DIRECTORY / json.loads((DIRECTORY / "package.json").read_text())["exports"]["."]["default"]
    assert main.stat().st_size <= LARGEST
    text = main.read_text()
    assert re.findall(r'(?:from|import\()\s*["\']([^"\']+)', text) == ["socket.io-client"]


def test_the_types_of_the_wire_are_those_of_the_documents(tmp_path: Path) -> None:
    run(sys.executable, "scripts/documents.py", tmp_path)
    run("node", "scripts/types.mjs", tmp_path / "openapi.json", tmp_path / "asyncapi.json", "--check")


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (DIRECTORY / "package-lock.json").read_text()


@pytest.mark.parametrize("path", sorted(DIRECTORY.glob("src/*.ts")), ids=lambda path: path.name)
def test_a_file_is_short_enough_to_be_read_at_once(path: Path) -> None:
    assert path.name == "schema.ts" or len(path.read_text().splitlines()) <= 250


def test_the_example_of_the_readme_runs(shared_server: Server) -> None:
    example = re.findall(r"^```js\n(.*?)^```$", (DIRECTORY / "README.md").read_text(), re.MULTILINE | re.DOTALL)[0]
    assert "http://127.0.0.1:3000" in example
    script = example.replace("http://127.0.0.1:3000", shared_server.url)
    assert run("node", "--input-type=module", "--eval", script) == "ann: Is the kettle on?\n"
